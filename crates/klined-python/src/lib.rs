//! The Python module `klined._klined`: the functions of the package `klined`, whose words are in `python/klined/_klined.pyi`.
//!
//! The rows are made by [`klined_data`] while other threads of Python run, and are given to Python by Arrow's C interface, without a copy.

mod arguments;
mod exchange;
mod frames;
mod functions;
mod fx;
mod scorecard;
mod stream;
mod table;

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(klined, KlinedError, PyValueError, "A market cannot be made as it was asked for.");

/// An error of the library as an exception, with the same words.
pub(crate) fn refused(error: impl std::fmt::Display) -> PyErr {
    KlinedError::new_err(error.to_string())
}

#[pymodule]
fn _klined(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("KlinedError", module.py().get_type::<KlinedError>())?;
    module.add_class::<table::Table>()?;
    module.add_class::<stream::Stream>()?;
    module.add_function(wrap_pyfunction!(functions::bars, module)?)?;
    module.add_function(wrap_pyfunction!(functions::ticks, module)?)?;
    module.add_function(wrap_pyfunction!(functions::quotes, module)?)?;
    module.add_function(wrap_pyfunction!(exchange::exchange_events, module)?)?;
    module.add_function(wrap_pyfunction!(exchange::exchange_read, module)?)?;
    module.add_function(wrap_pyfunction!(fx::fx_books, module)?)?;
    module.add_function(wrap_pyfunction!(fx::fx_prices, module)?)?;
    module.add_function(wrap_pyfunction!(fx::fx_trades, module)?)?;
    module.add_function(wrap_pyfunction!(scorecard::scorecard, module)?)?;
    module.add_function(wrap_pyfunction!(functions::universe, module)?)?;
    module.add_function(wrap_pyfunction!(functions::sessions, module)?)?;
    module.add_function(wrap_pyfunction!(functions::minutes, module)?)
}
