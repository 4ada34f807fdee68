//! The horizon: the instant from which on bars are kept. It is committed before anything is removed, so a removal that is cut
//! short leaves bars that nobody reads any more, and is finished later.

use diesel::prelude::*;
use diesel::query_builder::SqlQuery;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable};

use super::error::{During, StoreError};
use super::rows::{Gives, Read};
use klined_market::bars::Bar;
use klined_market::base::UnixSeconds;

#[derive(QueryableByName)]
pub(super) struct HorizonRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    retained_from: Option<i64>,
}

/// From when on bars are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Horizon(Option<UnixSeconds>);

impl Horizon {
    pub fn keeps(self, bar: &Bar) -> bool {
        self.keeps_all_from(bar.first.start())
    }

    /// Whether nothing from an instant on lies before it.
    pub fn keeps_all_from(self, instant: UnixSeconds) -> bool {
        self.0.is_none_or(|from| instant >= from)
    }
}

pub(super) fn retained_from(connection: &mut impl Gives<HorizonRow>) -> Read<Option<UnixSeconds>> {
    let mut rows = connection.give("SELECT retained_from FROM market_identity")?;
    Ok(Ok(rows.pop().and_then(|row| row.retained_from).map(UnixSeconds::new)))
}

/// The horizon as a writing transaction has to obey it.
pub(super) fn horizon(connection: &mut impl Gives<HorizonRow>) -> Result<Horizon, StoreError> {
    Ok(Horizon(retained_from(connection).during("read market_identity")??))
}

/// Moves the horizon forward; never back.
pub(super) fn set<C>(connection: &mut C, from: UnixSeconds) -> Result<(), StoreError>
where
    C: Connection,
    SqlQuery: ExecuteDsl<C>,
{
    // A number has no need to be bound.
    sql_query(format!(
        "UPDATE market_identity SET retained_from = {from} WHERE retained_from IS NULL OR retained_from < {from}"
    ))
    .execute(connection)
    .during("write market_identity")?;
    Ok(())
}
