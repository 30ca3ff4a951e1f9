{{ config(materialized='external', location=written('crime_report'), options={'compression': 'zstd'}) }}
{%- set hashed = ['beat_code_legacy', 'cr_number', 'crime_report_id', 'how_reported_code', 'how_reported_raw', 'legacy_crime_no', 'locus_location_id',
    'mo_summary_text', 'occurred_from_utc', 'occurred_precision_code', 'occurred_to_utc', 'officer_ref', 'officer_station', 'recorded_at_utc',
    'reported_at_utc', 'review_on', 'status_code', 'status_raw', 'storm_no', 'transferred_from_ref', 'transferred_to_ref',
    'workflow_state_code', 'workflow_state_raw'] %}
with named as (
    select
        source_key, _source_row as source_row, crime_report_id, null::varchar as cr_number, legacy_crime_no, how_reported_code,
        left(how_rep_cd, 120) as how_reported_raw, reported_at_utc, recorded_at_utc, occurred_from_utc, occurred_to_utc,
        case when e_occurred_precision_code is null then prec_code end as occurred_precision_code,
        case when e_storm_no is null then storm_no end as storm_no, case when e_officer_ref is null then oic_no end as officer_ref,
        case when e_officer_station is null then station end as officer_station, status_code, left(status_cd, 120) as status_raw,
        case when e_workflow_state_code is null then flow_code end as workflow_state_code, left(wf_state_cd, 120) as workflow_state_raw,
        case when e_mo_summary_text is null then mo_text end as mo_summary_text,
        case when place_kept then place_id end as locus_location_id,
        case when e_beat_code_legacy is null then beat_cd end as beat_code_legacy, null::varchar as beat_code,
        case when e_transferred_from_ref is null then xfer_from_ref end as transferred_from_ref,
        case when e_transferred_to_ref is null then xfer_to_ref end as transferred_to_ref,
        case when e_review_on is null then review end as review_on,
        case when review < date '2023-12-01' then 'DUE' else 'STANDARD' end as retention_class
    from {{ ref('report_decided') }} where reason_code is null
)
select *, 'D' as division_code, 'tayside_crime' as source_system, 'CRIME_REPORT' as source_table, 'bench' as run_id,
    '{{ env_var("BENCH_VERSION") }}' as mapping_version, 'OFFICIAL-SENSITIVE' as security_marking, {{ row_hash(hashed) }} as row_hash
from named
