//! Rows that are made while another library takes them, so that any number of them needs little memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::table::{column_names, metadata, schema_capsule, to_arrow, to_pandas, to_polars};

/// Rows of a batch.
pub const BATCH_ROWS: usize = 32_768;
/// Batches that wait until they are taken.
const WAITING: usize = 2;

/// Whether a batch was taken. One that was not ends the making.
pub type Taken = bool;
/// Makes all batches, and says in words why it cannot.
type Make = dyn Fn(&mut dyn FnMut(RecordBatch) -> Taken) -> Result<(), String> + Send + Sync;

/// Rows in columns that are made when they are taken. See `_klined.pyi`.
#[pyclass(frozen, module = "klined")]
pub struct Stream {
    schema: SchemaRef,
    make: Arc<Make>,
}

impl Stream {
    /// Rows of a schema. Each reader has them made from the first on, by a thread of its own.
    pub fn new(
        schema: SchemaRef,
        make: impl Fn(&mut dyn FnMut(RecordBatch) -> Taken) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { schema, make: Arc::new(make) }
    }

    fn reader(&self) -> Batches {
        let (sender, receiver) = sync_channel(WAITING);
        let make = self.make.clone();
        std::thread::spawn(move || run(&*make, &sender));
        Batches { schema: self.schema.clone(), receiver: Some(receiver) }
    }
}

/// What the thread sends.
enum Message {
    Batch(RecordBatch),
    End,
    Failed(String),
}

fn run(make: &Make, sender: &SyncSender<Message>) {
    let made = make(&mut |batch| sender.send(Message::Batch(batch)).is_ok());
    // Where the reader is gone, nobody waits for the end either.
    let _ = sender.send(made.map_or_else(Message::Failed, |()| Message::End));
}

/// The batches of a thread, which ends when this goes.
struct Batches {
    schema: SchemaRef,
    /// None after the end.
    receiver: Option<Receiver<Message>>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let failed = |words: String| Some(Err(ArrowError::ExternalError(words.into())));
        match self.receiver.as_ref()?.recv() {
            Ok(Message::Batch(batch)) => return Some(Ok(batch)),
            Ok(Message::End) => self.receiver = None,
            Ok(Message::Failed(words)) => {
                self.receiver = None;
                return failed(words);
            }
            Err(_) => {
                self.receiver = None;
                return failed(
                    "the thread that makes rows ended in a panic; this is a bug, please report it".to_owned(),
                );
            }
        }
        None
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

#[pymethods]
impl Stream {
    #[getter]
    fn column_names(&self) -> Vec<&str> {
        column_names(&self.schema)
    }

    /// What the rows follow from.
    #[getter]
    fn metadata(&self) -> HashMap<String, String> {
        metadata(&self.schema)
    }

    fn __repr__(&self) -> String {
        format!("<klined.Stream of {}>", self.column_names().join(", "))
    }

    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        to_arrow(slf)
    }

    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        to_pandas(slf)
    }

    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        to_polars(slf)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.schema)
    }

    /// The schema that a reader would like is not looked at, as the interface allows: a reader converts what it gets.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(self.reader())), c"arrow_array_stream")
    }
}
