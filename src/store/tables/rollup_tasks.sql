SELECT a.symbol, w.folded_to, s.last_update AS last_bar, d.changed_from
FROM (SELECT symbol FROM rollup_watermark UNION SELECT symbol FROM rollup_dirty) a
LEFT JOIN rollup_watermark w ON w.symbol = a.symbol
LEFT JOIN stock_state s ON s.symbol = a.symbol
LEFT JOIN (SELECT symbol, min(time) AS changed_from FROM rollup_dirty WHERE claimed GROUP BY symbol) d
    ON d.symbol = a.symbol
WHERE d.changed_from IS NOT NULL OR s.last_update > w.folded_to
