"""Markets of New York's hours and around the clock, as users of the vendors' clients ask them: minutes from open to close, and until now."""

import time
import unittest
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import GetCalendarRequest
from binance.spot import Spot
from massive import RESTClient

from market import Market, on_every_backend, until

NEW_YORK = ZoneInfo("America/New_York")
# Thanksgiving is closed, and the day after it closes at 13:00.
DAYS = {"2025-11-25": "16:00", "2025-11-26": "16:00", "2025-11-28": "13:00"}
MINUTE = 60_000


def at(day, clock):
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=NEW_YORK)


def row(bar):
    return (int(bar.timestamp.timestamp()), bar.open, bar.high, bar.low, bar.close, int(bar.volume))


@on_every_backend
class NewYorkLaws:
    @classmethod
    def setUpClass(cls):
        backfill = ["--calendar", "nyse", "--from", "2025-11-25", "--to", "2025-11-28"]
        cls.market = Market(cls.backend, backfill=backfill)
        cls.key = f"{cls.market.key_id}.{cls.market.key_secret}"
        cls.pair = cls.market.key_id, cls.market.key_secret

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    def stored(self, day, close, symbol="AAPL", interval="1m"):
        span = int(at(day, "09:30").timestamp()), int(at(day, close).timestamp())
        return self.market.bars(symbol, interval, f"AND time >= {span[0]} AND time < {span[1]}")

    def test_alpaca_has_a_bar_for_each_minute_from_open_to_close(self):
        client = StockHistoricalDataClient(*self.pair, url_override=self.market.url)
        for day, close in DAYS.items():
            request = StockBarsRequest(symbol_or_symbols="AAPL", timeframe=TimeFrame.Minute, start=at(day, "09:30"), end=at(day, "16:00"))
            bars = [bar for bar in client.get_stock_bars(request).data["AAPL"] if bar.volume > 0]
            clocks = [bar.timestamp.astimezone(NEW_YORK).strftime("%H:%M") for bar in bars]
            minutes = int((at(day, close) - at(day, "09:30")) / timedelta(minutes=1))
            self.assertEqual(clocks, [(at(day, "09:30") + timedelta(minutes=minute)).strftime("%H:%M") for minute in range(minutes)], day)
            self.assertEqual([row(bar) for bar in bars], self.stored(day, close), day)

    def test_polygon_has_the_minutes_of_a_date_of_new_york(self):
        rest = RESTClient(self.key, base=self.market.url)
        for day, close in DAYS.items():
            for span, interval in [("minute", "1m"), ("hour", "60m")]:
                bars = rest.list_aggs("AAPL", 1, span, day, day, limit=50_000)
                found = [(bar.timestamp // 1000, bar.open, bar.high, bar.low, bar.close, int(bar.volume)) for bar in bars]
                self.assertEqual(found, self.stored(day, close, interval=interval), (day, span))
        self.assertEqual(len(self.stored("2025-11-26", "16:00", interval="60m")), 7)
        self.assertEqual(list(rest.list_aggs("AAPL", 1, "minute", "2025-11-27", "2025-11-27")), [])

    def test_the_calendar_has_the_early_close_and_not_the_holiday(self):
        trading = TradingClient(*self.pair, url_override=self.market.url)
        days = trading.get_calendar(GetCalendarRequest(start=datetime(2025, 11, 25).date(), end=datetime(2025, 11, 28).date()))
        self.assertEqual({str(day.date): day.close.strftime("%H:%M") for day in days}, DAYS)
        self.assertEqual({day.open.strftime("%H:%M") for day in days}, {"09:30"})
        clock = trading.get_clock()
        self.assertEqual(clock.timestamp.utcoffset(), clock.timestamp.astimezone(NEW_YORK).utcoffset())
        self.assertLess(clock.timestamp, clock.next_close)


@on_every_backend
class AroundTheClockLaws:
    @classmethod
    def setUpClass(cls):
        cls.market = Market(cls.backend, days=2, write=["--around-the-clock"])
        cls.spot = Spot(api_key=f"{cls.market.key_id}.{cls.market.key_secret}", base_url=cls.market.url)

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    def test_the_newest_kline_is_that_of_the_present_minute(self):
        present = lambda: self.spot.klines("AAPL", "1m", limit=1)[0][0] == int(time.time()) // 60 * MINUTE
        until("a kline of this minute is there", present)
        until("a kline of this day is there", lambda: self.spot.klines("AAPL", "1d", limit=1)[0][0] == int(time.time()) // 86_400 * 86_400_000)
        self.assertLess(abs(self.spot.time()["serverTime"] / 1000 - time.time()), 60)
        self.assertEqual(self.spot.exchange_info()["timezone"], "UTC")

    def test_the_last_hours_until_now_have_every_minute(self):
        now = int(time.time()) // 60 * MINUTE
        klines = self.spot.klines("AAPL", "1m", startTime=now - 600 * MINUTE, endTime=now - 2 * MINUTE, limit=1000)
        self.assertEqual([kline[0] for kline in klines], list(range(now - 600 * MINUTE, now - MINUTE, MINUTE)))
        hours = self.spot.klines("AAPL", "1h", limit=30)
        self.assertTrue(all(kline[0] % (60 * MINUTE) == 0 for kline in hours))
        self.assertEqual({later[0] - earlier[0] for earlier, later in zip(hours, hours[1:])}, {60 * MINUTE})

    def test_alpaca_and_polygon_are_open_now(self):
        pair = self.market.key_id, self.market.key_secret
        clock = TradingClient(*pair, url_override=self.market.url).get_clock()
        self.assertTrue(clock.is_open)
        self.assertLess(abs(clock.timestamp.timestamp() - time.time()), 60)
        status = RESTClient(".".join(pair), base=self.market.url).get_market_status()
        self.assertEqual((status.market, status.currencies.crypto), ("open", "open"))


if __name__ == "__main__":
    unittest.main()
