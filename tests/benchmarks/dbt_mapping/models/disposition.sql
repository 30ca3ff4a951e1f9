{{ config(materialized='external', location=written('disposition'), options={'compression': 'zstd'}) }}
select 'bench' as run_id, 'D' as division_code, 'tayside_crime' as source_system, 'CRIME_REPORT' as source_table, 'crime_report' as entity, source_key,
    case when reason_code is null then 'LOADED' else 'QUARANTINED' end as outcome,
    case when reason_code is null then crime_report_id end as target_id, rule_id, reason_code
from {{ ref('report_decided') }}
union all
select 'bench', 'D', 'tayside_crime', 'CRIME', 'crime', source_key, case when reason_code is null then 'LOADED' else 'QUARANTINED' end,
    case when reason_code is null then crime_id end, rule_id, reason_code
from {{ ref('crime_decided') }}
