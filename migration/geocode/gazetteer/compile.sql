-- From `lpi_key` (one row per local property identifier), `junction_source` and `beat_source` to the tables of a release.
-- A street here is one USRN in one locality and town: a long road in two villages is two, and shares its USRN.

CREATE TABLE lpi_status AS
SELECT *,
  CASE WHEN upper(address_status) LIKE 'ALT%' OR address_status = '3' THEN 'ALTERNATIVE'
       WHEN upper(address_status) LIKE 'HIS%' OR address_status = '8' THEN 'HISTORIC'
       WHEN upper(address_status) LIKE 'PRO%' OR address_status = '6' THEN 'PROVISIONAL'
       ELSE 'APPROVED' END AS status,
  coalesce(usrn, CASE WHEN street_key <> '' THEN
    -(CAST(md5_number_lower(street_key || '|' || locality_key || '|' || town_key) % 1000000000000 AS BIGINT) + 1) END) AS street_usrn
FROM lpi_key;

CREATE TABLE street_part AS
SELECT row_number() OVER (ORDER BY street_usrn, locality_key, town_key) - 1 AS street_id, *
FROM (SELECT street_usrn, locality_key, town_key
      FROM lpi_status WHERE street_usrn IS NOT NULL GROUP BY ALL);

CREATE TABLE parents AS SELECT DISTINCT parent_uprn AS uprn FROM lpi_status WHERE parent_uprn IS NOT NULL;

CREATE TABLE out_premises AS
SELECT coalesce(s.street_id, -1)::INTEGER AS street_id,
  coalesce(l.pao_start_number, -1)::INTEGER AS number, upper(coalesce(l.pao_start_suffix, '')) AS suffix,
  CASE WHEN l.pao_end_number > l.pao_start_number THEN l.pao_end_number ELSE -1 END::INTEGER AS end_number,
  l.flat, l.uprn, l.status, l.unit, l.name_key, l.org_key, l.parent_uprn, coalesce(l.class_code, '') AS class_code,
  round(l.easting)::INTEGER AS easting, round(l.northing)::INTEGER AS northing,
  l.division_code, l.beat_code, l.postcode_key AS postcode, l.locality_key, l.town_key, l.start_date, l.end_date,
  (p.uprn IS NOT NULL) AS is_parent, false AS is_learnt
FROM lpi_status l
LEFT JOIN street_part s ON s.street_usrn = l.street_usrn AND s.locality_key = l.locality_key AND s.town_key = l.town_key
LEFT JOIN parents p ON p.uprn = l.uprn
WHERE l.uprn IS NOT NULL;

CREATE TABLE out_street AS
SELECT s.street_id::INTEGER AS street_id, s.street_usrn AS usrn,
  coalesce(min(l.street_key) FILTER (l.status = 'APPROVED'), min(l.street_key)) AS street_key,
  coalesce(min(l.street_description) FILTER (l.status = 'APPROVED'), min(l.street_description)) AS name,
  s.locality_key, s.town_key, coalesce(min(l.admin_key), '') AS admin_key,
  mode(l.division_code ORDER BY l.division_code) AS division_code,
  CASE WHEN count(DISTINCT l.beat_code) = 1 THEN min(l.beat_code) END AS beat_code,
  round(avg(l.easting))::INTEGER AS easting, round(avg(l.northing))::INTEGER AS northing,
  count(*)::INTEGER AS entries,
  round(greatest(max(l.easting) - min(l.easting), max(l.northing) - min(l.northing)))::INTEGER AS extent,
  list_sort(list(DISTINCT l.postcode_key) FILTER (l.postcode_key <> '')) AS postcodes
FROM street_part s
JOIN lpi_status l ON l.street_usrn = s.street_usrn AND l.locality_key = s.locality_key AND l.town_key = s.town_key
GROUP BY ALL;

CREATE TABLE out_street_alias AS
SELECT DISTINCT l.street_key AS alias_key, s.street_id::INTEGER AS street_id,
  CASE WHEN l.street_key = o.street_key THEN 'NAME' ELSE 'ALTERNATIVE' END AS kind
FROM lpi_status l
JOIN street_part s ON s.street_usrn = l.street_usrn AND s.locality_key = l.locality_key AND s.town_key = l.town_key
JOIN out_street o ON o.street_id = s.street_id
WHERE l.street_key <> '';

CREATE TABLE out_postcode AS
SELECT postcode_key AS postcode, round(avg(easting))::INTEGER AS easting, round(avg(northing))::INTEGER AS northing,
  CASE WHEN count(DISTINCT division_code) = 1 THEN min(division_code) END AS division_code,
  CASE WHEN count(DISTINCT beat_code) = 1 THEN min(beat_code) END AS beat_code,
  count(*)::INTEGER AS entries,
  mode(town_key ORDER BY town_key) AS town_key
FROM lpi_status WHERE postcode_key <> '' GROUP BY postcode_key;

CREATE TABLE out_locality AS
SELECT name_key, kind, round(avg(easting))::INTEGER AS easting, round(avg(northing))::INTEGER AS northing,
  CASE WHEN count(DISTINCT division_code) = 1 THEN min(division_code) END AS division_code,
  CASE WHEN count(DISTINCT beat_code) = 1 THEN min(beat_code) END AS beat_code, count(*)::INTEGER AS entries,
  list_sort(list(DISTINCT town_key) FILTER (town_key <> '')) AS towns
FROM (
  SELECT locality_key AS name_key, 'LOCALITY' AS kind, easting, northing, division_code, beat_code, town_key FROM lpi_status
  UNION ALL SELECT town_key, 'TOWN', easting, northing, division_code, beat_code, town_key FROM lpi_status
  UNION ALL SELECT admin_key, 'ADMIN', easting, northing, division_code, beat_code, NULL FROM lpi_status)
WHERE name_key <> '' GROUP BY name_key, kind;

CREATE TABLE out_place AS
SELECT DISTINCT place_key, uprn, street_id, locality_key, town_key, division_code, kind FROM (
  SELECT org_key AS place_key, uprn, street_id, locality_key, town_key, division_code, 'ORGANISATION' AS kind
  FROM out_premises WHERE org_key <> ''
  UNION ALL
  SELECT name_key, uprn, street_id, locality_key, town_key, division_code, 'NAME'
  FROM out_premises WHERE name_key <> '' AND flat = '');

CREATE TABLE out_junction AS
SELECT least(usrn_a, usrn_b) AS usrn_a, greatest(usrn_a, usrn_b) AS usrn_b,
  round(avg(easting))::INTEGER AS easting, round(avg(northing))::INTEGER AS northing
FROM junction_source WHERE usrn_a IS NOT NULL AND usrn_b IS NOT NULL AND usrn_a <> usrn_b GROUP BY 1, 2;

CREATE TABLE out_beat AS SELECT beat_code, division_code, name, wkb FROM beat_source
UNION ALL
SELECT beat_code, mode(division_code ORDER BY division_code), NULL, NULL FROM lpi_status
WHERE beat_code IS NOT NULL AND beat_code NOT IN (SELECT beat_code FROM beat_source) GROUP BY beat_code;

CREATE TABLE out_entry AS
SELECT uprn, status AS address_status, usrn, parent_uprn, class_code,
  concat_ws(', ', organisation,
    nullif(concat_ws(' ', sao_text, sao_start_number || coalesce(sao_start_suffix, '')
      || CASE WHEN sao_end_number IS NULL THEN '' ELSE '-' || sao_end_number || coalesce(sao_end_suffix, '') END), ''),
    pao_text,
    nullif(concat_ws(' ', pao_start_number || coalesce(pao_start_suffix, '')
      || CASE WHEN pao_end_number IS NULL THEN '' ELSE '-' || pao_end_number || coalesce(pao_end_suffix, '') END,
      street_description), ''),
    locality, town, postcode) AS full_address,
  street_description AS street, locality, town, nullif(postcode_key, '') AS postcode,
  round(easting)::INTEGER AS easting, round(northing)::INTEGER AS northing, division_code, beat_code,
  start_date AS valid_from, end_date AS valid_to
FROM lpi_status WHERE uprn IS NOT NULL;
