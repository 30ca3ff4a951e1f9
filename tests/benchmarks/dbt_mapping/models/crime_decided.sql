{{ config(materialized='table') }}
with tidied as (
    select c._source_row, c.CRIME_ID::varchar as source_key, {{ record_id('CRIME', 'c.CRIME_ID::varchar') }} as crime_id, {{ tidy('c.CR_NO') }} as cr_no,
        {% for c in ['CRIME_SEQ', 'CRIME_CD', 'ATTEMPT_YN', 'DISPOSAL_CD', 'DETECTED_DT', 'NOCRIME_RSN_CD', 'NOCRIME_REQ_BY',
                     'NOCRIME_AUTH_BY', 'COMP_UPD_YN', 'PROC_REF'] %}
        {{ tidy('c.' + c) }} as {{ c | lower }}{% if not loop.last %}, {% endif %}
        {% endfor %}
    from {{ raw('CRIME') }} as c
),
parsed as (
    select t.*, {{ to_utc('report.recorded') }}::date as day, report.crime_report_id, report.reason_code as parent_reason,
        report.source_key as parent_key, case when review < date '2023-12-01' then 'DUE' else 'STANDARD' end as parent_retention,
        case when regexp_full_match(crime_seq, '[+-]?\d{1,18}(\.0+)?') then try_cast(split_part(crime_seq, '.', 1) as bigint) end as seq,
        case when regexp_full_match(crime_cd, '\d{5,6}') then crime_cd when regexp_full_match(crime_cd, '\d{1,2}\s*/\s*\d{1,4}')
             then lpad(trim(split_part(crime_cd, '/', 1)), 2, '0')
                  || lpad(trim(split_part(crime_cd, '/', 2)), greatest(3, length(trim(split_part(crime_cd, '/', 2))))::integer, '0') end as code_read,
        {{ read_flag('attempt_yn') }} as attempted, {{ read_flag('comp_upd_yn') }} as updated, {{ read_date('detected_dt') }} as detected
    from tidied as t
    left join (select d.*, {{ read_time('recorded_dt') }} as recorded from {{ ref('report_decided') }} as d) as report on report.source_key = t.cr_no
),
checked as (
    select p.*, disposal.national_code as disposal_code_found, reason.national_code as reason_code_found,
        case when p.day not between code.valid_from and code.valid_to then coalesce(code.successor_code, code.national_code)
             else code.national_code end as code_found,
        case when crime_cd is not null and code_read is null then 'UNREADABLE'
             when code_read is not null and code.national_code is null then 'UNMAPPED_CODE'
             when p.day not between code.valid_from and code.valid_to then 'CODE_NOT_VALID' end as e_crime_code,
        {{ unread('crime_seq', 'seq') }} as e_crime_seq, {{ unread('attempt_yn', 'attempted') }} as e_is_attempted,
        {{ code_error('disposal_cd', 'disposal', 'p.day') }} as e_disposal_code, {{ unread('detected_dt', 'detected') }} as e_detected_on,
        {{ code_error('nocrime_rsn_cd', 'reason', 'p.day') }} as e_no_crime_reason_code,
        {{ too_long('nocrime_req_by', 12) }} as e_no_crime_requested_by, {{ too_long('nocrime_auth_by', 12) }} as e_no_crime_authorised_by,
        {{ unread('comp_upd_yn', 'updated') }} as e_is_complainer_updated, {{ too_long('proc_ref', 13) }} as e_procedural_ref
    from parsed as p
    left join {{ given('crime_code') }} as code on code.legacy_value = p.code_read
    left join {{ given('disposal_code') }} as disposal on disposal.legacy_value = p.disposal_cd
    left join {{ given('no_crime_reason_code') }} as reason on reason.legacy_value = p.nocrime_rsn_cd
),
reasoned as (
    select *,
        case when source_key is null then 'KEY_MISSING' end as r_key,
        case when cr_no is null then 'MISSING' end as r_crime_report_id,
        case when e_crime_seq is not null then e_crime_seq when seq is null then 'MISSING' end as r_crime_seq,
        case when e_crime_code in ('UNREADABLE', 'UNMAPPED_CODE') then e_crime_code when code_found is null then coalesce(e_crime_code, 'MISSING') end as r_crime_code,
        case when cr_no is null then null when parent_key is null then 'ORPHAN' when parent_reason is not null then 'PARENT_QUARANTINED' end as r_parent
    from checked
)
select *, coalesce(r_key, r_crime_report_id, r_crime_seq, r_crime_code, r_parent) as reason_code,
    case when r_key is not null then 'crime.key' when r_crime_report_id is not null then 'crime.crime_report_id'
         when r_crime_seq is not null then 'crime.crime_seq' when r_crime_code is not null then 'crime.crime_code'
         when r_parent is not null then 'crime.crime_report_id' end as rule_id
from reasoned
