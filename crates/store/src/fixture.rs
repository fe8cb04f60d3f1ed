//! Databases for the unit tests of this crate, which testkit knows by other types.

use testkit::database::{Address, Engine, TestDatabase};

use crate::{PostgresConfig, Store, StoreConfig};

/// A store on a database of its own.
pub(crate) async fn open(engine: Engine) -> (Store, TestDatabase) {
    let database = TestDatabase::make(engine).await;
    let store = Store::open(&config(&database)).await.unwrap();
    (store, database)
}

pub(crate) fn config(database: &TestDatabase) -> StoreConfig {
    match database.address() {
        Address::File(path) => StoreConfig::fast(path),
        Address::Url(url) => StoreConfig::Postgres(PostgresConfig {
            url: url.clone(),
            writers: 4,
            readers: 2,
        }),
    }
}
