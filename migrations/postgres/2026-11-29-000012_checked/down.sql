-- No row is read for a constraint that is made anew like this.
ALTER TABLE market_klines DROP CONSTRAINT klines_finite;
ALTER TABLE market_klines ADD CONSTRAINT klines_finite
    CHECK (open <> 'NaN' AND high <> 'NaN' AND low <> 'NaN' AND close <> 'NaN') NOT VALID;
