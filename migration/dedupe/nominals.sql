-- Nominals in the role vocabulary of linking, and what says until when they are linked with care (nominals.py).
CREATE TEMP TABLE identifiers AS
WITH every_identifier AS (
    SELECT nominal_id, identifier_type_code AS kind, identifier_value AS value,
           coalesce(is_verified, false) AND coalesce(is_check_ok, true) AS is_verified
    FROM nominal_identifier
    UNION ALL SELECT nominal_id, 'SCRO', scro_no, false FROM nominal WHERE scro_no IS NOT NULL
    UNION ALL SELECT nominal_id, 'PNC', pnc_id, false FROM nominal WHERE pnc_id IS NOT NULL
    UNION ALL SELECT nominal_id, 'CRO', cro_no, false FROM nominal WHERE cro_no IS NOT NULL
    UNION ALL SELECT nominal_id, 'DRIVER', driver_no, false FROM nominal WHERE driver_no IS NOT NULL
),
best AS (
    SELECT nominal_id, kind,
           coalesce(min(value) FILTER (is_verified), min(value)) AS value,
           min(value) FILTER (is_verified) AS verified
    FROM every_identifier GROUP BY ALL
)
SELECT nominal_id,
       min(value) FILTER (kind = 'SCRO') AS id_scro, min(verified) FILTER (kind = 'SCRO') AS verified_scro,
       min(value) FILTER (kind = 'PNC') AS id_pnc, min(verified) FILTER (kind = 'PNC') AS verified_pnc,
       min(value) FILTER (kind = 'CRO') AS id_cro, min(verified) FILTER (kind = 'CRO') AS verified_cro,
       min(value) FILTER (kind = 'DRIVER') AS id_driver, min(verified) FILTER (kind = 'DRIVER') AS verified_driver,
       min(value) FILTER (kind = 'CHI') AS id_chi, min(verified) FILTER (kind = 'CHI') AS verified_chi,
       min(value) FILTER (kind = 'PASSPORT') AS id_passport, min(verified) FILTER (kind = 'PASSPORT') AS verified_passport
FROM best GROUP BY nominal_id;

CREATE TEMP TABLE aliases AS
SELECT a.nominal_id,
       min(a.surname) FILTER (a.surname IS DISTINCT FROM n.surname) AS alias_surname,
       min(a.forename_1) FILTER (a.forename_1 IS DISTINCT FROM n.forename_1) AS alias_forename
FROM nominal_alias a JOIN nominal n USING (nominal_id) GROUP BY a.nominal_id;

CREATE TEMP TABLE homes AS
SELECT nominal_id, coalesce(any_home.home_location_id, listed.location_id) AS location_id
FROM nominal AS any_home
LEFT JOIN (
    SELECT nominal_id, min_by(location_id, (is_last, location_id)) AS location_id
    FROM (
        SELECT nominal_id, location_id, CASE WHEN valid_to IS NULL THEN 0 ELSE 1 END AS is_last
        FROM nominal_address WHERE coalesce(address_role_code, 'HOME') = 'HOME'
    ) GROUP BY nominal_id
) AS listed USING (nominal_id);

CREATE TEMP TABLE roles AS
SELECT nominal_id, min(age_at_time) AS youngest FROM crime_nominal GROUP BY nominal_id;

CREATE TEMP TABLE nominal_records AS
SELECT n.nominal_id AS record_id,
       n.division_code AS source,
       n.nominal_type_code AS nominal_type,
       n.full_name_raw AS full_name,
       n.forename_1 AS forename,
       n.forename_2 AS middle,
       n.surname,
       n.maiden_name AS former_surname,
       a.alias_surname,
       a.alias_forename,
       strftime(n.born_on, '%Y-%m-%d') AS dob,
       n.born_on_precision_code AS dob_precision,
       n.sex_code AS sex,
       n.place_of_birth,
       n.occupation,
       n.phone,
       l.postcode,
       CASE WHEN m.match_level_code = 'UPRN' THEN m.uprn::VARCHAR END AS uprn,
       i.* EXCLUDE (nominal_id),
       coalesce(n.is_protected, false) OR coalesce(n.born_on IS NULL AND o.youngest < 18, false) AS is_always_careful,
       CASE WHEN n.born_on_precision_code <> 'NONE' THEN n.born_on END AS careful_below_18,
       CASE WHEN n.born_on_precision_code = 'AGE_ONLY' AND o.youngest < 18 THEN n.born_on END AS careful_below_20
FROM nominal n
LEFT JOIN aliases a USING (nominal_id)
LEFT JOIN identifiers i USING (nominal_id)
LEFT JOIN homes h USING (nominal_id)
LEFT JOIN location l ON l.location_id = h.location_id
LEFT JOIN location_match m ON m.location_id = h.location_id
LEFT JOIN roles o USING (nominal_id);
