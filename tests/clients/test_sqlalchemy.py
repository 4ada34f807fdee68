"""The tables by way of SQLAlchemy, with models as programs declare them that know nothing of klined, on both databases."""

import datetime
import unittest

from sqlalchemy import TIMESTAMP, BigInteger, Boolean, Column, Integer, Numeric, String, create_engine, func, select, text
from sqlalchemy.orm import Session, declarative_base

from market import Market, on_every_backend

Base = declarative_base()
# A time of 2 March 2026, at which no bar begins.
WHOLE_BAR = 1_772_415_001


class Kline(Base):
    __tablename__ = "market_klines"
    symbol = Column(String(20), primary_key=True)
    interval = Column(String(10), primary_key=True)
    time = Column(BigInteger, primary_key=True)
    open = Column(Numeric(10, 2), nullable=False)
    high = Column(Numeric(10, 2), nullable=False)
    low = Column(Numeric(10, 2), nullable=False)
    close = Column(Numeric(10, 2), nullable=False)
    volume = Column(BigInteger, nullable=False)
    created_at = Column(TIMESTAMP)


class StockState(Base):
    __tablename__ = "stock_state"
    symbol = Column(String(20), primary_key=True)
    current_price = Column(Numeric(10, 2), nullable=False)
    volatility = Column(Numeric(6, 4))
    trend = Column(Numeric(6, 4))
    market_state = Column(String(20))
    last_update = Column(BigInteger)
    created_at = Column(TIMESTAMP)
    updated_at = Column(TIMESTAMP)


class MarketStatus(Base):
    __tablename__ = "market_status"
    id = Column(Integer, primary_key=True)
    is_trading = Column(Boolean)
    current_session = Column(String(20))
    session_start = Column(BigInteger)
    session_end = Column(BigInteger)
    last_update = Column(TIMESTAMP)


class RealtimePrice(Base):
    __tablename__ = "stock_realtime_price"
    symbol = Column(String(20), primary_key=True)
    current_price = Column(Numeric(10, 2))
    change_percent = Column(Numeric(6, 3))
    volume = Column(BigInteger)
    last_update = Column(BigInteger)
    updated_at = Column(TIMESTAMP)


class StockMetadata(Base):
    __tablename__ = "stock_metadata"
    symbol = Column(String(20), primary_key=True)
    name = Column(String(100), nullable=False)
    sector = Column(String(50), server_default="")
    base_price = Column(Numeric(10, 2), nullable=False)
    base_volatility = Column(Numeric(6, 4), server_default="0.02")
    is_active = Column(Boolean, server_default="1")
    created_at = Column(TIMESTAMP, server_default=func.now())


@on_every_backend
class Laws:
    @classmethod
    def setUpClass(cls):
        cls.market = Market(cls.backend, backfill=["--from", "2026-03-02", "--to", "2026-03-04"], speed=1)
        cls.market.stop(cls.market.writer)
        cls.session = Session(create_engine(cls.market.database.replace("postgresql://", "postgresql+psycopg2://")))

    @classmethod
    def tearDownClass(cls):
        cls.session.close()
        cls.session.get_bind().dispose()
        cls.market.close()

    def tearDown(self):
        self.session.rollback()

    def test_every_row_is_read(self):
        for model in (Kline, StockState, RealtimePrice, StockMetadata, MarketStatus):
            rows = self.session.scalars(select(model)).all()
            self.assertEqual(len(rows), int(self.market.rows(f"SELECT count(*) FROM {model.__tablename__}")[0][0]))
            self.assertGreater(len(rows), 0)
            for column in model.__table__.columns:
                if isinstance(column.type, TIMESTAMP):
                    self.assertTrue(all(isinstance(getattr(row, column.name), datetime.datetime) for row in rows), column)

    def test_the_status_is_of_the_instant_that_the_market_has_come_to(self):
        found = self.session.scalars(select(MarketStatus)).one().last_update
        if found.tzinfo is None:
            found = found.replace(tzinfo=datetime.timezone.utc)
        (stored,) = self.market.rows("SELECT CAST(max(last_update) + 60 AS bigint) FROM stock_state")
        self.assertGreaterEqual(found.timestamp(), int(stored[0]))

    def test_prices_divide_as_numbers(self):
        self.session.add(Kline(symbol="WHOLE", interval="1d", time=WHOLE_BAR, open=1732, high=1732, low=1728, close=1728, volume=1,
                               created_at=datetime.datetime(2026, 3, 2)))
        self.session.flush()
        # As a person writes it: SQLAlchemy's own operator makes doubles of both sides on SQLite.
        divided = self.session.execute(text("SELECT symbol, time, close / open FROM market_klines WHERE interval = '1d'")).all()
        quotients = {(symbol, time): float(quotient) for symbol, time, quotient in divided}
        bars = self.session.scalars(select(Kline).where(Kline.interval == "1d")).all()
        self.assertEqual(len(quotients), len(bars))
        for bar in bars:
            self.assertAlmostEqual(quotients[bar.symbol, bar.time], float(bar.close) / float(bar.open), 12)

    def test_a_stock_needs_no_more_than_a_name_and_a_price(self):
        self.session.add(StockMetadata(symbol="NEW", name="New", base_price=10))
        self.session.flush()
        stock = self.session.get(StockMetadata, "NEW", populate_existing=True)
        self.assertEqual((float(stock.base_volatility), stock.is_active, stock.sector), (0.02, True, ""))


if __name__ == "__main__":
    unittest.main()
