"""The package tushare, unchanged but for the address of its API, before a market of A-shares."""

import unittest

import tushare

from market import Market, on_every_backend


@on_every_backend
class Laws:
    @classmethod
    def setUpClass(cls):
        words = ["--universe", "ashare:60", "--from", "2026-02-24", "--to", "2026-03-04"]
        cls.market = Market(cls.backend, backfill=words, speed=1)
        cls.api = cls.client(f"{cls.market.key_id}.{cls.market.key_secret}")
        cls.stocks = cls.api.stock_basic(fields="ts_code,symbol,name,list_date,market")

    @classmethod
    def client(cls, token):
        api = tushare.pro_api(token)
        api._DataApi__http_url = f"{cls.market.url}/tushare"
        return api

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    def test_stocks_and_days(self):
        self.assertEqual(list(self.stocks.symbol), self.market.symbols())
        self.assertLessEqual({code[-3:] for code in self.stocks.ts_code}, {".SH", ".SZ", ".BJ"})
        days = self.api.trade_cal(exchange="SSE", start_date="20260213", end_date="20260225", is_open="1")
        self.assertEqual(list(days.cal_date), ["20260225", "20260224", "20260213"])
        self.assertEqual(list(days.pretrade_date), ["20260224", "20260213", "20260212"])

    def test_bars_of_days_weeks_months_and_minutes(self):
        code, symbol = self.stocks.ts_code[7], self.stocks.symbol[7]
        # The days that the writer has not touched since.
        stored = [bar for bar in self.market.bars(symbol, "1d") if bar[0] < 1_772_582_400]
        daily = self.api.daily(ts_code=code, end_date="20260303").iloc[::-1]
        shown = [tuple(row) for row in daily[["open", "high", "low", "close"]].itertuples(index=False)]
        self.assertEqual(shown, [bar[1:5] for bar in stored])
        self.assertEqual([round(lots * 100) for lots in daily.vol], [bar[5] for bar in stored])
        turnovers = self.market.rows(f"SELECT turnover FROM market_klines WHERE symbol = '{symbol}' AND interval = '1d' ORDER BY time")
        for amount, (turnover,) in zip(daily.amount, turnovers):
            self.assertAlmostEqual(amount * 1000, float(turnover), places=1)
        week = self.api.weekly(ts_code=code, trade_date="20260227")
        self.assertAlmostEqual(week.vol[0] * 100, sum(bar[5] for bar in stored[:4]), places=2)
        self.assertEqual(list(self.api.monthly(ts_code=code).trade_date), ["20260331", "20260227"])
        minutes = self.api.stk_mins(ts_code=code, freq="5min", start_date="2026-03-02 09:30:00", end_date="2026-03-02 15:00:00")
        self.assertEqual((len(minutes), minutes.trade_time[0], minutes.trade_time[47]), (48, "2026-03-02 15:00:00", "2026-03-02 09:35:00"))
        self.assertEqual(minutes.vol.sum(), stored[4][5])
        every = self.api.daily(trade_date="20260303")
        self.assertEqual(list(every.ts_code), list(self.stocks.ts_code))

    def test_the_packages_own_functions_are_built_on_it(self):
        code = self.stocks.ts_code[3]
        for adjustment in [None, "qfq", "hfq"]:
            bars = tushare.pro_bar(ts_code=code, api=self.api, adj=adjustment, start_date="20260224", end_date="20260303", ma=[2])
            self.assertEqual(len(bars), 6, adjustment)
            self.assertAlmostEqual(bars.ma2[0], (bars.close[0] + bars.close[1]) / 2, places=1)
        minutes = tushare.pro_bar(ts_code=code, api=self.api, freq="30min", start_date="2026-03-02 09:00:00", end_date="2026-03-02 16:00:00")
        self.assertEqual(len(minutes), 8)

    def test_figures_of_days(self):
        day = {"trade_date": "20260303"}
        limits = self.api.stk_limit(fields="ts_code,pre_close,up_limit,down_limit", **day).set_index("ts_code")
        closes = self.api.daily(fields="ts_code,close,pre_close", **day).set_index("ts_code")
        self.assertEqual(list(limits.index), list(closes.index))
        self.assertTrue((limits.pre_close == closes.pre_close).all())
        self.assertTrue(((closes.close <= limits.up_limit) & (closes.close >= limits.down_limit)).all())
        self.assertTrue((self.api.adj_factor(ts_code="", **day).adj_factor == 1).all())
        self.assertEqual(len(self.api.daily_basic(fields="ts_code,close,volume_ratio", **day)), len(self.stocks))
        now = self.api.rt_k(ts_code="6*.SH")
        self.assertEqual(list(now.ts_code), [code for code in self.stocks.ts_code if code.startswith("6") and code.endswith("SH")])

    def test_errors_are_the_vendors(self):
        with self.assertRaisesRegex(Exception, "token不对"):
            self.client("wrong").daily(ts_code="600000.SH")
        with self.assertRaisesRegex(Exception, "请指定正确的接口名"):
            self.api.income(ts_code="600000.SH")
        with self.assertRaisesRegex(Exception, "不包含字段"):
            self.api.daily(ts_code="600000.SH", fields="ts_code,nothing")
        with self.assertRaisesRegex(Exception, "必填参数"):
            self.api.stk_mins(ts_code="600000.SH")


if __name__ == "__main__":
    unittest.main()
