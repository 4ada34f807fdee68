//! Poolers between a program and the server, such as PgBouncer.
//!
//! In transaction mode a pooler hands each transaction of a client to whatever session of the server is free. Nothing that a session
//! holds is kept then: settings, advisory locks, LISTEN, prepared statements; and what a client sets comes to other clients.
//! Such a pooler is noticed by that alone, whatever it is called: two connections that are open at the same time share a process of
//! the server, or one connection has several.

use diesel::connection::{CacheSize, Connection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::CustomizeConnection;
use diesel::sql_query;
use diesel::sql_types::{Bool, Integer};

use super::super::error::{During, StoreError};
use super::super::transaction;
use super::connect::PgServer;

/// How many connections are compared with the first. One is enough where a pooler takes the session that was free last, as
/// PgBouncer does by default; its setting `server_round_robin` makes it take them in turn.
const PROBES: usize = 2;

/// Whether the sessions of the server are this program's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sessions {
    /// Each connection has a session of its own.
    Own,
    /// A pooler lends a session for each transaction.
    Lent,
}

/// What is asked of the server before anything else.
#[derive(QueryableByName)]
pub(super) struct ServerFacts {
    /// The version, such as 150004.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// Whether the search path leads to a schema.
    #[diesel(sql_type = Bool)]
    pub has_schema: bool,
    #[diesel(sql_type = Integer)]
    process: i32,
}

/// SQL, because diesel has no names for these.
const FACTS: &str = "SELECT current_setting('server_version_num')::integer AS version, \
     current_schema() IS NOT NULL AS has_schema, pg_backend_pid() AS process";

/// Asks for the facts, and for whom the sessions are.
pub(super) fn look(server: &PgServer) -> Result<(ServerFacts, Sessions), StoreError> {
    let mut first = connect(server)?;
    let facts = match facts(&mut first) {
        // A pooler in statement mode ends the connection of a client that begins a transaction, which a crash of the server does too.
        Err(error) if error.is_retriable() && takes_statements_only(server) => return Err(server.pooled()),
        outcome => outcome?,
    };
    let mut probes = Vec::new();
    for _ in 0..PROBES {
        // A server without room for one more is none that lends its sessions.
        let Ok(mut probe) = connect(server) else { break };
        probe.batch_execute("BEGIN").during("look for a pooler")?;
        let others = [ask(&mut probe)?.process, self::facts(&mut first)?.process];
        if others[0] == facts.process || others[1] != facts.process {
            return Ok((facts, Sessions::Lent));
        }
        probes.push(probe);
    }
    Ok((facts, Sessions::Own))
}

fn connect(server: &PgServer) -> Result<PgConnection, StoreError> {
    let mut connection = server.connect()?;
    keep_no_statements(&mut connection);
    Ok(connection)
}

/// Prepares each statement anew, within its transaction: one that is kept belongs to a session that the next transaction may not have.
pub(super) fn keep_no_statements(connection: &mut PgConnection) {
    connection.set_prepared_statement_cache_size(CacheSize::Disabled);
}

fn facts(connection: &mut PgConnection) -> Result<ServerFacts, StoreError> {
    transaction::run(connection, "ask the server for its version", ask)
}

fn takes_statements_only(server: &PgServer) -> bool {
    let Ok(mut connection) = server.connect() else { return false };
    connection.batch_execute("SELECT 1").is_ok() && connection.batch_execute("BEGIN").is_err()
}

fn ask(connection: &mut PgConnection) -> Result<ServerFacts, StoreError> {
    sql_query(FACTS).get_result(connection).during("ask the server for its version")
}

/// Sets up the connections of the pool.
#[derive(Debug)]
pub(super) struct PoolSetup {
    /// None where a pooler lends the sessions: what is set in one comes to other clients.
    begin: Option<String>,
}

impl PoolSetup {
    pub fn with(server: &PgServer, sessions: Sessions) -> Self {
        let begin = (sessions == Sessions::Own).then(|| {
            let patience = server.patience().as_millis();
            format!(
                "{}; SET statement_timeout = {patience}; SET idle_in_transaction_session_timeout = {patience}",
                server.begin("klined")
            )
        });
        Self { begin }
    }
}

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for PoolSetup {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        match &self.begin {
            Some(begin) => connection.batch_execute(begin).map_err(diesel::r2d2::Error::QueryError),
            None => {
                keep_no_statements(connection);
                Ok(())
            }
        }
    }
}
