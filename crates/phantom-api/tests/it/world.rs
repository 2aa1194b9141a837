//! A node that listens, and a client for it.

use std::net::SocketAddr;
use std::sync::Arc;

use phantom_api::{ApiSettings, ApiState, new_token};
use phantom_core::Timestamp;
use phantom_store::{NewToken, Role, Store};
use serde_json::Value;

use crate::seed::{self, Seeded};

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<Store>,
    pub(crate) node: Arc<Seeded>,
    pub(crate) stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Holds the answer to be a whole problem document, and returns its detail.
    pub(crate) fn problem(&self, status: u16, name: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        assert_eq!(json["type"], format!("urn:phantomnet:problem:{name}"), "{json}");
        assert_eq!(json["status"], status);
        assert!(json["title"].as_str().is_some_and(|title| !title.is_empty()));
        json["detail"].as_str().unwrap().to_owned()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(ApiSettings { hosts: vec!["pot.example".to_owned()], ..ApiSettings::default() })
    }

    pub(crate) fn with(settings: ApiSettings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let store = seed::store(dir.path(), now);
        let node = Seeded::new(now);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = ApiState::new(Arc::clone(&store), Arc::clone(&node) as _, settings);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(phantom_api::serve(listener, state, async { drop(stopped.await) })).unwrap();
        });
        Self { address, store, node, stop: Some(stop), thread: Some(thread), _dir: dir }
    }

    /// A bearer token of this role.
    pub(crate) fn token(&self, role: Role) -> String {
        let (secret, hash) = new_token().unwrap();
        let token = NewToken {
            hash,
            name: format!("t-{}", role.as_str()),
            user: None,
            role,
            created: Timestamp::now(),
            expires: None,
            browser: false,
        };
        self.store.add_token(&token).unwrap();
        secret
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Answer {
        self.send("GET", path, &[("authorization", &format!("Bearer {token}"))], None)
    }

    pub(crate) fn change(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(method, path, &[("authorization", &format!("Bearer {token}"))], body)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .build()
            .into();
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => {
                agent.run(request.header("content-type", "application/json").body(body.to_string()).unwrap())
            }
            None => agent.run(request.body(()).unwrap()),
        };
        let mut response = response.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.body_mut().read_to_string().unwrap(),
        }
    }

    /// Logs a browser in and returns its `Cookie` header.
    pub(crate) fn cookie(&self, user: &str) -> String {
        let body = serde_json::json!({"username": user, "password": seed::PASSWORD});
        let answer = self.send("POST", "/api/v1/auth/login", &[], Some(body));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Stops the node and waits for it.
    pub(crate) fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end();
    }
}
