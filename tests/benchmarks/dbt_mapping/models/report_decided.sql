{{ config(materialized='table') }}
{%- set clock = "('AMBIGUOUS_TIME', 'NONEXISTENT_TIME')" %}
with valued as (
    select
        * exclude (reported, recorded, occ_from, occ_to),
        case when e_legacy_crime_no is null then cr_no end as legacy_crime_no,
        case when how_rep_cd is null then 'UNKNOWN' when e_how_reported_code is null then how_code end as how_reported_code,
        case when coalesce(e_reported_at_utc, 'NONEXISTENT_TIME') in {{ clock }} then reported_utc end as reported_at_utc,
        case when coalesce(e_recorded_at_utc, 'NONEXISTENT_TIME') in {{ clock }} then recorded_utc end as recorded_at_utc,
        case when coalesce(e_occurred_from_utc, 'NONEXISTENT_TIME') in {{ clock }} then occ_from_utc end as occurred_from_utc,
        case when coalesce(e_occurred_to_utc, 'NONEXISTENT_TIME') in {{ clock }} then occ_to_utc end as occurred_to_utc,
        case when e_status_code is null then state_code end as status_code
    from {{ ref('report_checked') }}
),
reasoned as (
    select *,
        case when source_key is null then 'KEY_MISSING' end as r_key,
        case when e_legacy_crime_no is not null then e_legacy_crime_no when legacy_crime_no is null then 'MISSING' end as r_legacy_crime_no,
        case when e_recorded_at_utc not in {{ clock }} then e_recorded_at_utc when recorded_at_utc is null then 'MISSING' end as r_recorded_at_utc,
        case when e_status_code is not null then e_status_code when status_code is null then 'MISSING' end as r_status_code
    from valued
)
select *, coalesce(r_key, r_legacy_crime_no, r_recorded_at_utc, r_status_code) as reason_code,
    case when r_key is not null then 'crime_report.key' when r_legacy_crime_no is not null then 'crime_report.legacy_crime_no'
         when r_recorded_at_utc is not null then 'crime_report.recorded_at_utc' when r_status_code is not null then 'crime_report.status_code' end as rule_id
from reasoned
