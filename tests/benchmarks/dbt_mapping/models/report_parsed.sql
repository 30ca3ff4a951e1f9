{{ config(materialized='view') }}
select
    *, {{ read_time('reported_dt') }} as reported, {{ read_time('recorded_dt') }} as recorded,
    {{ read_time('occ_from_dt') }} as occ_from, {{ read_time('occ_to_dt') }} as occ_to, {{ read_date('review_dt') }} as review
from {{ ref('report_read') }}
