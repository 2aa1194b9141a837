use phantom_store::{Store, StoreError};

use crate::{Db, admin, both};

#[test]
fn opening_again_changes_nothing() {
    both(|db| {
        db.open();
        db.open();
        assert!(!db.open().database().is_empty());
    });
}

#[test]
fn a_newer_schema_is_refused() {
    let db = Db::sqlite();
    db.open();
    let conn = rusqlite::Connection::open(db.dir.path().join("test.db")).unwrap();
    conn.execute_batch("PRAGMA user_version = 99").unwrap();
    let error = Store::open(&db.url, db.dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");

    let db = Db::postgres();
    db.open();
    let schema = db.url.rsplit("%3D").next().unwrap();
    admin(&format!("INSERT INTO {schema}.schema_version VALUES (99)"));
    let error = Store::open(&db.url, db.dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
}

#[test]
fn an_unreachable_database_is_named_without_its_password() {
    let dir = tempfile::tempdir().unwrap();
    let error =
        Store::open("postgres://me:hush@127.0.0.1:1/traps?connect_timeout=2", dir.path()).unwrap_err();
    assert!(error.is_transient(), "{error}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1/traps") && !text.contains("hush"), "{text}");
    for url in ["mysql://me:hush@h/db", "postgres://me:hush@h:x/db?x=hush", "sqlite:", "x"] {
        let error = Store::open(url, dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Url { .. }), "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.db"), vec![7; 4096]).unwrap();
    let error = Store::open("sqlite:x.db", dir.path()).unwrap_err();
    assert!(error.to_string().contains("x.db"), "{error}");
}
