{{ config(materialized='view') }}
with utc as (
    select *, {{ to_utc('reported') }} as reported_utc, {{ to_utc('recorded') }} as recorded_utc,
        {{ to_utc('occ_from') }} as occ_from_utc, {{ to_utc('occ_to') }} as occ_to_utc
    from {{ ref('report_parsed') }}
)
select
    r.*, how.national_code as how_code, prec.national_code as prec_code, status.national_code as state_code,
    flow.national_code as flow_code, coalesce(station.descr, r.oic_stn_cd) as station, place.id as place_id, place.is_kept as place_kept,
    {{ too_long('cr_no', 30) }} as e_legacy_crime_no,
    case when how_rep_cd is not null then {{ code_error('how_rep_cd', 'how', 'recorded_utc::date') }} end as e_how_reported_code,
    case when reported::date > date '2023-12-01' then 'OUT_OF_RANGE' else {{ time_error('reported_dt', 'reported') }} end as e_reported_at_utc,
    case when recorded::date > date '2023-12-01' then 'OUT_OF_RANGE' else {{ time_error('recorded_dt', 'recorded') }} end as e_recorded_at_utc,
    {{ time_error('occ_from_dt', 'occ_from') }} as e_occurred_from_utc,
    {{ time_error('occ_to_dt', 'occ_to') }} as e_occurred_to_utc,
    {{ code_error('occ_prec_cd', 'prec', 'recorded_utc::date') }} as e_occurred_precision_code,
    {{ too_long('storm_no', 24) }} as e_storm_no, {{ too_long('oic_no', 12) }} as e_officer_ref,
    {{ too_long('coalesce(station.descr, r.oic_stn_cd)', 60) }} as e_officer_station,
    {{ code_error('status_cd', 'status', 'recorded_utc::date') }} as e_status_code,
    {{ code_error('wf_state_cd', 'flow', 'recorded_utc::date') }} as e_workflow_state_code,
    {{ too_long('mo_text', 4000) }} as e_mo_summary_text,
    case when locus_loc_id is null or place.is_kept then null when place.id is null then 'ORPHAN' else 'PARENT_' || place.outcome end as e_locus_location_id,
    {{ too_long('beat_cd', 10) }} as e_beat_code_legacy, {{ too_long('xfer_from_ref', 30) }} as e_transferred_from_ref,
    {{ too_long('xfer_to_ref', 30) }} as e_transferred_to_ref, {{ unread('review_dt', 'review') }} as e_review_on
from utc as r
left join {{ given('how_reported_code') }} as how on how.legacy_value = r.how_rep_cd
left join {{ given('occurred_precision_code') }} as prec on prec.legacy_value = r.occ_prec_cd
left join {{ given('status_code') }} as status on status.legacy_value = r.status_cd
left join {{ given('workflow_state_code') }} as flow on flow.legacy_value = r.wf_state_cd
left join (select {{ tidy('CODE') }} as code, {{ tidy('DESCR') }} as descr from {{ raw('REF_STATION') }}) as station on station.code = r.oic_stn_cd
left join {{ given('locations') }} as place on place.key = r.locus_loc_id
