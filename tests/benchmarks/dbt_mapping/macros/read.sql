{% macro raw(table) %}read_parquet('{{ env_var("BENCH_RAW") }}/tayside_crime/{{ table }}.parquet'){% endmacro %}
{% macro given(table) %}read_parquet('{{ env_var("BENCH_GIVEN") }}/{{ table }}.parquet'){% endmacro %}
{% macro written(table) %}{{ env_var("BENCH_WORK") }}/{{ table }}.parquet{% endmacro %}

{% macro tidy(column) %}nullif(trim({{ column }}::varchar), ''){% endmacro %}
{% macro record_id(table, key) %}left(sha256('D' || chr(31) || 'tayside_crime' || chr(31) || '{{ table }}' || chr(31) || {{ key }}), 32){% endmacro %}

{% macro read_time(text) %}try_strptime({{ text }}, ['%Y-%m-%d %H:%M:%S', '%Y-%m-%d', '%Y-%m-%d %H:%M', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S.%f']){% endmacro %}
{% macro read_date(text) %}try_strptime({{ text }}, ['%Y-%m-%d', '%Y-%m-%d %H:%M:%S'])::date{% endmacro %}
{% macro read_flag(text) %}case when upper({{ text }}) in ('Y', 'YES', 'T', 'TRUE', '1') then true when upper({{ text }}) in ('N', 'NO', 'F', 'FALSE', '0') then false end{% endmacro %}

{#- The earlier instant of an hour that occurs twice. -#}
{% macro to_utc(t) %}case when month({{ t }}) in (3, 10) and timezone('Europe/London', timezone('Europe/London', {{ t }}) - interval 1 hour) = {{ t }} then timezone('Europe/London', {{ t }}) - interval 1 hour else timezone('Europe/London', {{ t }}) end{% endmacro %}

{% macro time_error(text, t) %}case when {{ text }} is not null and {{ t }} is null then 'UNREADABLE' when month({{ t }}) in (3, 10) then case when timezone('Europe/London', timezone('Europe/London', {{ t }})) <> {{ t }} then 'NONEXISTENT_TIME' when timezone('Europe/London', timezone('Europe/London', {{ t }}) + interval 1 hour) = {{ t }} or timezone('Europe/London', timezone('Europe/London', {{ t }}) - interval 1 hour) = {{ t }} then 'AMBIGUOUS_TIME' end end{% endmacro %}
{% macro unread(text, value) %}case when {{ text }} is not null and {{ value }} is null then 'UNREADABLE' end{% endmacro %}
{% macro too_long(text, size) %}case when length({{ text }}) > {{ size }} then 'TOO_LONG' end{% endmacro %}
{% macro code_error(text, codes, day) %}case when {{ text }} is not null and {{ codes }}.national_code is null then 'UNMAPPED_CODE' when {{ day }} not between {{ codes }}.valid_from and {{ codes }}.valid_to then 'CODE_NOT_VALID' end{% endmacro %}

{#- DuckDB's own hash of the same columns: it has no cheaper one. -#}
{% macro row_hash(columns) %}hash({{ columns | join(', ') }})::varchar{% endmacro %}
