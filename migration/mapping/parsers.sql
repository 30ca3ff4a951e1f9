-- What every compiled mapping may call. But for `tidy`, which makes it so, each macro takes text that is trimmed and never
-- empty, and gives null where it cannot read it. Where a cheap test settles nearly every value, it comes first.
--
-- Text without blanks around it, null where nothing is left. Of single bytes the only blank is ' ', so a text of nothing
-- else has to be asked for that one only, and one that starts with a letter and ends with a full stop has none.
CREATE OR REPLACE MACRO tidy(x) AS (
    CASE WHEN x <> '' AND NOT prefix(x, ' ') AND NOT suffix(x, ' ') AND strlen(x) = length(x) THEN x
         WHEN x BETWEEN '!' AND '~' AND suffix(x, '.') THEN x
         ELSE nullif(trim(x), '') END
);
CREATE OR REPLACE MACRO cut(x, size) AS CASE WHEN strlen(x) <= size THEN x ELSE left(x, size) END;
-- The day in UTC of a point in time, in a session in UTC, without asking any time zone.
CREATE OR REPLACE MACRO utc_day(t) AS make_timestamp(epoch_us(t))::DATE;
-- `2019-01-31 10:15:00` and `2019-01-31`, and nothing else: what is read is written back and has to be the same text.
-- `held` is TRY_CAST(x AS TIMESTAMP), worked out once.
CREATE OR REPLACE MACRO iso_timestamp(x, held) AS CASE WHEN strlen(x) = 19 AND held::VARCHAR = x THEN held END;
CREATE OR REPLACE MACRO iso_date(x, held) AS CASE WHEN strlen(x) = 10 AND held::DATE::VARCHAR = x THEN held END;
CREATE OR REPLACE MACRO same_day(t, moved) AS CASE WHEN day(t) = day(moved) THEN moved END;
CREATE OR REPLACE MACRO with_pivot(t, last_year) AS (
    CASE WHEN year(t) % 100 > last_year AND year(t) >= 2000 THEN same_day(t, t - INTERVAL 100 YEAR)
         WHEN year(t) % 100 <= last_year AND year(t) < 2000 THEN same_day(t, t + INTERVAL 100 YEAR)
         ELSE t END
);
CREATE OR REPLACE MACRO not_after(t, latest) AS (
    CASE WHEN t::DATE > latest THEN same_day(t, t - INTERVAL 100 YEAR) ELSE t END
);

-- Wall-clock time to UTC. The zone's own rules decide; of an hour that occurs twice, the earlier unless told. An hour that
-- spring leaves out is read as if the clock had not been put forward yet: that clock was not.
-- What a session in UTC makes of `t AT TIME ZONE 'UTC'`, without asking any time zone.
CREATE OR REPLACE MACRO as_utc(t) AS make_timestamptz(epoch_us(t));
CREATE OR REPLACE MACRO zone_to_utc(t, zone, later) AS (
    CASE WHEN later AND timezone(zone, timezone(zone, t) + INTERVAL 1 HOUR) = t THEN timezone(zone, t) + INTERVAL 1 HOUR
         WHEN NOT later AND timezone(zone, timezone(zone, t) - INTERVAL 1 HOUR) = t THEN timezone(zone, t) - INTERVAL 1 HOUR
         ELSE timezone(zone, t) END
);
-- Since 1972 every clock in the United Kingdom has changed on a Sunday before four in the morning, from 16 March to the end
-- of the month or from 22 October on (test_dates.py asks every hour), so the other days need no zone rules.
CREATE OR REPLACE MACRO month_day(t) AS month(t) * 100 + day(t);
CREATE OR REPLACE MACRO may_change_clock(t) AS (
    month(t) IN (3, 10) AND (t < TIMESTAMP '1972-01-01' OR (dayofweek(t) = 0 AND hour(t) < 4))
);
-- Since 1996 summer time has begun on the last Sunday of March and ended on the last Sunday of October, at one in the
-- morning UTC: in March the hour from one is left out, in October it occurs twice. Older clocks: `old_clocks.py`.
CREATE OR REPLACE MACRO last_sunday(t) AS day(t) - dayofweek(t);
CREATE OR REPLACE MACRO is_summer(t, later) AS (
    CASE WHEN month(t) NOT IN (3, 10) THEN month(t) BETWEEN 4 AND 9
         WHEN last_sunday(t) < 25 THEN month(t) = 10
         WHEN dayofweek(t) > 0 THEN month(t) = 3
         ELSE (month(t) = 3) = (hour(t) >= CASE WHEN later AND month(t) = 10 THEN 1 ELSE 2 END) END
);
CREATE OR REPLACE MACRO london_to_utc(t, later) AS (
    CASE WHEN t >= TIMESTAMP '1996-01-01'
         THEN make_timestamptz(epoch_us(t) - CASE WHEN is_summer(t, later) THEN 3600000000 ELSE 0 END)
         WHEN t IS NULL THEN NULL
         WHEN t >= TIMESTAMP '1972-01-01' AND (month_day(t) < 316 OR month_day(t) >= 1101) THEN as_utc(t)
         WHEN t >= TIMESTAMP '1972-01-01' AND month_day(t) BETWEEN 401 AND 1021 THEN as_utc(t - INTERVAL 1 HOUR)
         ELSE make_timestamptz(epoch_us(t) - old_london_offset(epoch_us(t), later)) END
);
CREATE OR REPLACE MACRO london_error(t) AS (
    CASE WHEN may_change_clock(t)
         THEN CASE WHEN t < TIMESTAMP '1996-01-01' THEN nullif(old_london_error(epoch_us(t)), '')
                   WHEN day(t) >= 25 AND hour(t) = 1
                   THEN CASE WHEN month(t) = 3 THEN 'NONEXISTENT_TIME' ELSE 'AMBIGUOUS_TIME' END END END
);
CREATE OR REPLACE MACRO clock_error(t, zone) AS (
    CASE WHEN timezone(zone, timezone(zone, t)) <> t THEN 'NONEXISTENT_TIME'
         WHEN timezone(zone, timezone(zone, t) + INTERVAL 1 HOUR) = t
           OR timezone(zone, timezone(zone, t) - INTERVAL 1 HOUR) = t THEN 'AMBIGUOUS_TIME' END
);

CREATE OR REPLACE MACRO read_integer(x) AS (
    CASE WHEN strlen(x) <= 18 AND TRY_CAST(x AS BIGINT)::VARCHAR = x THEN TRY_CAST(x AS BIGINT)
         WHEN regexp_full_match(x, '[+-]?\d{1,18}(\.0+)?') THEN TRY_CAST(split_part(x, '.', 1) AS BIGINT) END
);
CREATE OR REPLACE MACRO plain_number(x) AS (
    CASE WHEN regexp_full_match(x, '[+-]?£?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?') THEN regexp_replace(x, '[£,]', '', 'g') END
);
CREATE OR REPLACE MACRO read_double(x) AS CASE WHEN isfinite(TRY_CAST(x AS DOUBLE)) THEN TRY_CAST(x AS DOUBLE) END;

CREATE OR REPLACE MACRO squeeze(x) AS trim(regexp_replace(x, '\s+', ' ', 'g'));
CREATE OR REPLACE MACRO compact(x) AS upper(regexp_replace(x, '[\s.\-]', '', 'g'));

-- Postcode in the form AA9A 9AA (BS 7666; ONS Postcode Directory user guide).
CREATE OR REPLACE MACRO read_postcode(x) AS (
    CASE WHEN regexp_full_match(compact(x), '[A-Z]{1,2}\d[A-Z\d]?\d[ABD-HJLNP-UW-Z]{2}')
         THEN left(compact(x), length(compact(x)) - 3) || ' ' || right(compact(x), 3) END
);
CREATE OR REPLACE MACRO phone_digits(x) AS (
    regexp_replace(regexp_replace(x, '[\s()./\-]', '', 'g'), '^(\+44|0044)0?', '0')
);
-- United Kingdom telephone number as digits with a leading 0.
CREATE OR REPLACE MACRO read_phone(x) AS (
    CASE WHEN regexp_full_match(phone_digits(x), '0[1-9]\d{8,9}') THEN phone_digits(x) END
);
-- SGJD code: two digits, oblique, three digits, and sometimes one more; stored without the oblique.
CREATE OR REPLACE MACRO read_crime_code(x) AS (
    CASE WHEN regexp_full_match(x, '\d{5,6}') THEN x
         WHEN regexp_full_match(x, '\d{1,2}\s*/\s*\d{1,4}')
         THEN lpad(trim(split_part(x, '/', 1)), 2, '0') || lpad(trim(split_part(x, '/', 2)), greatest(3, length(trim(split_part(x, '/', 2))))::INTEGER, '0')
    END
);

-- PNC id YYYY/NNNNNNNL. Its letter is the remainder by 23 of the two-digit year followed by the seven digits.
CREATE OR REPLACE MACRO pnc_year(x) AS regexp_extract(compact(x), '^(\d{2}|\d{4})/(\d{1,7})([A-Z])$', 1);
CREATE OR REPLACE MACRO pnc_serial(x) AS lpad(regexp_extract(compact(x), '^(\d{2}|\d{4})/(\d{1,7})([A-Z])$', 2), 7, '0');
CREATE OR REPLACE MACRO pnc_letter(x) AS regexp_extract(compact(x), '^(\d{2}|\d{4})/(\d{1,7})([A-Z])$', 3);
CREATE OR REPLACE MACRO read_pnc(x, last_year) AS (
    CASE WHEN regexp_full_match(compact(x), '(\d{2}|\d{4})/\d{1,7}[A-Z]')
         THEN CASE WHEN length(pnc_year(x)) = 4 THEN pnc_year(x)
                   WHEN pnc_year(x)::INTEGER > last_year % 100 THEN '19' || pnc_year(x) ELSE '20' || pnc_year(x) END
              || '/' || pnc_serial(x) || pnc_letter(x) END
);
CREATE OR REPLACE MACRO pnc_check_ok(x) AS (
    CASE WHEN regexp_full_match(compact(x), '(\d{2}|\d{4})/\d{1,7}[A-Z]')
         THEN substr('ZABCDEFGHJKLMNPQRTUVWXY', (TRY_CAST(right(pnc_year(x), 2) || pnc_serial(x) AS BIGINT) % 23)::INTEGER + 1, 1)
              = pnc_letter(x) END
);
-- SCRO number: letter S, six digits of serial, oblique, two digits of year, check letter (11 characters, ISCJIS).
CREATE OR REPLACE MACRO read_scro(x) AS CASE WHEN regexp_full_match(compact(x), '[A-Z0-9/]{5,11}') THEN compact(x) END;
CREATE OR REPLACE MACRO read_cro(x) AS CASE WHEN regexp_full_match(compact(x), '(SF)?\d{1,6}/\d{2}[A-Z]') THEN compact(x) END;
-- DVLA driver number, with or without the two characters of the licence's issue.
CREATE OR REPLACE MACRO read_driver(x) AS (
    CASE WHEN regexp_full_match(compact(x), '[A-Z9]{5}\d{6}[A-Z9]{2}[A-Z0-9]{3}([A-Z0-9]{2})?') THEN compact(x) END
);
-- CHI number: ten digits, the last a check digit modulo 11.
CREATE OR REPLACE MACRO chi_check_ok(x) AS (
    regexp_full_match(compact(x), '\d{10}')
    AND (11 - (list_sum(list_transform(range(1, 10), lambda i: (11 - i) * TRY_CAST(substr(compact(x), i::INTEGER, 1) AS INTEGER)))::INTEGER % 11)) % 11
        = TRY_CAST(right(compact(x), 1) AS INTEGER)
);

-- Parts of a name. `SURNAME, Forenames` where there is a comma, else as the pack says.
CREATE OR REPLACE MACRO first_word(x) AS split_part(squeeze(x), ' ', 1);
CREATE OR REPLACE MACRO other_words(x) AS nullif(trim(substr(squeeze(x), length(split_part(squeeze(x), ' ', 1)) + 1)), '');
CREATE OR REPLACE MACRO last_word(x) AS regexp_extract(squeeze(x), '[^ ]+$');
CREATE OR REPLACE MACRO all_but_last(x) AS nullif(trim(regexp_replace(squeeze(x), '[^ ]+$', '')), '');
CREATE OR REPLACE MACRO comma_surname(x) AS nullif(squeeze(split_part(x, ',', 1)), '');
CREATE OR REPLACE MACRO comma_forenames(x) AS nullif(squeeze(substr(x, length(split_part(x, ',', 1)) + 2)), '');

-- National Grid: `NX 975 765`, or easting and northing in metres separated by a comma or blank (Ordnance Survey).
CREATE OR REPLACE MACRO grid_letter(x, i) AS (
    strpos('ABCDEFGHJKLMNOPQRSTUVWXYZ', substr(compact(x), i, 1)) - 1
);
CREATE OR REPLACE MACRO grid_digits(x) AS substr(compact(x), 3);
CREATE OR REPLACE MACRO grid_half(x) AS (length(grid_digits(x)) // 2)::INTEGER;
CREATE OR REPLACE MACRO is_letter_grid(x) AS regexp_full_match(compact(x), '[HNST][A-HJ-Z](\d{4}|\d{6}|\d{8}|\d{10})');
CREATE OR REPLACE MACRO is_metre_grid(x) AS regexp_full_match(x, '\d{1,6}(\.\d+)?\s*[, ]\s*\d{1,7}(\.\d+)?');
CREATE OR REPLACE MACRO read_grid_easting(x) AS (
    CASE WHEN is_metre_grid(x) THEN TRY_CAST(regexp_extract(x, '^(\d+(\.\d+)?)') AS DOUBLE)
         WHEN is_letter_grid(x)
         THEN (((grid_letter(x, 1) - 2) % 5) * 5 + grid_letter(x, 2) % 5) * 100000.0
              + TRY_CAST(rpad(left(grid_digits(x), grid_half(x)), 5, '0') AS DOUBLE) END
);
CREATE OR REPLACE MACRO read_grid_northing(x) AS (
    CASE WHEN is_metre_grid(x) THEN TRY_CAST(regexp_extract(x, '(\d+(\.\d+)?)$') AS DOUBLE)
         WHEN is_letter_grid(x)
         THEN (19 - (grid_letter(x, 1) // 5) * 5 - grid_letter(x, 2) // 5) * 100000.0
              + TRY_CAST(rpad(right(grid_digits(x), grid_half(x)), 5, '0') AS DOUBLE) END
);
