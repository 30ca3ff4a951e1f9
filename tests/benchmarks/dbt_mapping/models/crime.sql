{{ config(materialized='external', location=written('crime'), options={'compression': 'zstd'}) }}
{%- set hashed = ['crime_code', 'crime_id', 'crime_raw', 'crime_report_id', 'crime_seq', 'detected_on', 'disposal_code', 'disposal_raw', 'is_attempted',
    'is_complainer_updated', 'no_crime_authorised_by', 'no_crime_reason_code', 'no_crime_reason_raw', 'no_crime_requested_by', 'procedural_ref'] %}
with named as (
    select
        source_key, _source_row as source_row, crime_id, crime_report_id, seq as crime_seq, code_found as crime_code, left(crime_cd, 120) as crime_raw,
        attempted as is_attempted, case when e_disposal_code is null then disposal_code_found end as disposal_code,
        left(disposal_cd, 120) as disposal_raw, detected as detected_on,
        case when e_no_crime_reason_code is null then reason_code_found end as no_crime_reason_code, left(nocrime_rsn_cd, 120) as no_crime_reason_raw,
        case when e_no_crime_requested_by is null then nocrime_req_by end as no_crime_requested_by,
        case when e_no_crime_authorised_by is null then nocrime_auth_by end as no_crime_authorised_by,
        updated as is_complainer_updated, case when e_procedural_ref is null then proc_ref end as procedural_ref,
        parent_retention as retention_class
    from {{ ref('crime_decided') }} where reason_code is null
)
select *, 'D' as division_code, 'tayside_crime' as source_system, 'CRIME' as source_table, 'bench' as run_id,
    '{{ env_var("BENCH_VERSION") }}' as mapping_version, 'OFFICIAL-SENSITIVE' as security_marking, {{ row_hash(hashed) }} as row_hash
from named
