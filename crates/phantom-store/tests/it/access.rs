use phantom_store::*;

use crate::{at, both};

#[test]
fn users_tokens_and_audit() {
    both(|db| {
        let store = db.open();
        let user = User { name: "ann".into(), role: Role::Admin, hash: "$argon2id$x".into(), created: at(0) };
        store.add_user(&user).unwrap();
        assert!(matches!(store.add_user(&user), Err(StoreError::Refused(_))));
        assert_eq!(store.user("ann").unwrap().as_ref(), Some(&user));
        assert_eq!(store.user("bob").unwrap(), None);
        assert!(!serde_json::to_string(&user).unwrap().contains("argon"));
        let token = |n: u8, browser, expires| NewToken {
            hash: [n; 32],
            name: "t".into(),
            user: Some("ann".into()),
            role: Role::Viewer,
            created: at(0),
            expires,
            browser,
        };
        let bearer = store.add_token(&token(1, false, None)).unwrap();
        store.add_token(&token(2, true, Some(at(10)))).unwrap();
        assert_eq!(store.token(&[1; 32], at(99)).unwrap().unwrap().id, bearer);
        assert!(store.token(&[2; 32], at(9)).unwrap().unwrap().browser);
        assert!(store.token(&[2; 32], at(10)).unwrap().is_none());
        assert_eq!((store.tokens(at(5)).unwrap().len(), store.tokens(at(50)).unwrap().len()), (2, 1));
        assert!(store.set_password("ann", "new").unwrap());
        assert!(store.token(&[2; 32], at(9)).unwrap().is_none(), "a new password ends browser sessions");
        assert!(store.revoke_token(bearer).unwrap());
        assert!(!store.revoke_token(bearer).unwrap());
        store.add_token(&token(3, false, None)).unwrap();
        assert!(store.remove_user("ann").unwrap());
        assert!(!store.remove_user("ann").unwrap());
        assert!(store.token(&[3; 32], at(0)).unwrap().is_none());
        assert!(store.users().unwrap().is_empty());
        for n in 0..3 {
            let row = AuditRow {
                time: at(n),
                actor: "ann".into(),
                action: "login".into(),
                target: String::new(),
                detail: format!("{n}\0"),
            };
            store.add_audit(&row).unwrap();
        }
        let page = store.audit(&Paging { limit: 2, ..Paging::default() }).unwrap();
        assert_eq!(page.items.iter().map(|r| r.detail.as_str()).collect::<Vec<_>>(), ["2\0", "1\0"]);
        let page = store.audit(&Paging { cursor: page.next, ..Paging::default() }).unwrap();
        assert_eq!((page.items.len(), page.next), (1, None));
    });
}
