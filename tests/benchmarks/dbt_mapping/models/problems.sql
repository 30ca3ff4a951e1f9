{{ config(materialized='external', location=written('problems'), options={'compression': 'zstd'}) }}
{%- set fields = {
    'report': ['legacy_crime_no', 'how_reported_code', 'reported_at_utc', 'recorded_at_utc', 'occurred_from_utc', 'occurred_to_utc',
        'occurred_precision_code', 'storm_no', 'officer_ref', 'officer_station', 'status_code', 'workflow_state_code', 'mo_summary_text',
        'locus_location_id', 'beat_code_legacy', 'transferred_from_ref', 'transferred_to_ref', 'review_on'],
    'crime': ['crime_seq', 'crime_code', 'is_attempted', 'disposal_code', 'detected_on', 'no_crime_reason_code', 'no_crime_requested_by',
        'no_crime_authorised_by', 'is_complainer_updated', 'procedural_ref']} %}
{%- set stops = {'report': ['legacy_crime_no', 'recorded_at_utc', 'status_code'], 'crime': ['crime_report_id', 'crime_seq', 'crime_code']} %}
{%- set names = {'report': 'crime_report', 'crime': 'crime'} %}
{%- set parts = [] %}
{%- for short, entity in names.items() %}
{%- for f in fields[short] %}{% do parts.append("select '" ~ entity ~ "' as entity, source_key, '" ~ f ~ "' as field, e_" ~ f ~ " as reason_code from " ~ ref(short ~ '_decided') ~ " where reason_code is null and e_" ~ f ~ " is not null") %}{% endfor %}
{%- for f in stops[short] %}{% do parts.append("select '" ~ entity ~ "', source_key, '" ~ f ~ "', r_" ~ f ~ " from " ~ ref(short ~ '_decided') ~ " where r_" ~ f ~ " is not null") %}{% endfor %}
{%- endfor %}
{{ parts | join('\nunion all\n') }}
union all
select 'crime', source_key, 'crime_report_id', r_parent from {{ ref('crime_decided') }}
where r_parent is not null and r_crime_report_id is null and r_crime_seq is null and r_crime_code is null
