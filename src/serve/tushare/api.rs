//! The APIs of this dialect: their names and their parameters.

/// The APIs that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiName {
    TradeCal,
    StockBasic,
    Daily,
    Weekly,
    Monthly,
    StkMins,
    AdjFactor,
    DailyBasic,
    StkLimit,
    RtK,
}

const BY_DAYS: [&str; 4] = ["ts_code", "trade_date", "start_date", "end_date"];

impl ApiName {
    pub const ALL: [(&str, Self); 10] = [
        ("trade_cal", Self::TradeCal),
        ("stock_basic", Self::StockBasic),
        ("daily", Self::Daily),
        ("weekly", Self::Weekly),
        ("monthly", Self::Monthly),
        ("stk_mins", Self::StkMins),
        ("adj_factor", Self::AdjFactor),
        ("daily_basic", Self::DailyBasic),
        ("stk_limit", Self::StkLimit),
        ("rt_k", Self::RtK),
    ];

    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, api)| *api == self).map_or("", |(name, _)| name)
    }

    /// The parameters that it takes beside those of every API.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::TradeCal => &["exchange", "start_date", "end_date", "is_open"],
            Self::StockBasic => &["ts_code", "name", "market", "list_status", "exchange", "is_hs"],
            Self::StkMins => &["ts_code", "freq", "start_date", "end_date"],
            Self::RtK => &["ts_code"],
            _ => &BY_DAYS,
        }
    }
}
