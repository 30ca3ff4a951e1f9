{{ config(materialized='view') }}
select
    _source_row, CR_NO as source_key, {{ record_id('CRIME_REPORT', 'CR_NO') }} as crime_report_id,
    {% for c in ['CR_NO', 'BEAT_CD', 'HOW_REP_CD', 'REPORTED_DT', 'RECORDED_DT', 'OCC_FROM_DT', 'OCC_TO_DT', 'OCC_PREC_CD', 'STORM_NO',
                 'OIC_NO', 'OIC_STN_CD', 'STATUS_CD', 'WF_STATE_CD', 'MO_TEXT', 'LOCUS_LOC_ID', 'XFER_FROM_REF', 'XFER_TO_REF', 'REVIEW_DT'] %}
    {{ tidy(c) }} as {{ c | lower }}{% if not loop.last %}, {% endif %}
    {% endfor %}
from {{ raw('CRIME_REPORT') }}
