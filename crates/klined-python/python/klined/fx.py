"""The foreign exchange market of `fx-generator`: order books, prices and trades of 30 currency pairs, made from a seed."""

from ._klined import fx_books as books
from ._klined import fx_prices as prices
from ._klined import fx_trades as trades

__all__ = ["books", "prices", "trades"]
