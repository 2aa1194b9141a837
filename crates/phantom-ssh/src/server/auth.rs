//! User authentication (RFC 4252, RFC 4256) as OpenSSH's `auth2.c` conducts it.

use super::Server;
use crate::event::{AuthAttempt, Credential};
use crate::keys::{UserKey, fingerprint};
use crate::wire::{Put, Reader, message, msg};

/// How far authentication has come.
#[derive(Default)]
pub(super) struct AuthState {
    requested: bool,
    /// User and service of the first request; later ones must name the same.
    who: Option<(Vec<u8>, Vec<u8>)>,
    attempts: u32,
    failures: u32,
    /// The attempt that waits for an answer.
    pub(super) pending: Option<Pending>,
    /// A prompt of `keyboard-interactive` has been sent.
    prompted: bool,
    pub(super) done: bool,
    /// Compression towards us and towards the client, from authentication on.
    pub(super) compression: [bool; 2],
}

impl AuthState {
    /// Who logs in is root.
    pub(super) fn is_root(&self) -> bool {
        self.who.as_ref().is_some_and(|(user, _)| user == b"root")
    }
}

/// What an answer needs to know.
pub(super) struct Pending {
    /// Algorithm and blob of an offered key: accepting it asks for a signature.
    offer: Option<(Vec<u8>, Vec<u8>)>,
    none: bool,
}

/// A request of the methods that are understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    None,
    Password { password: &'a [u8], change: bool },
    Key { algorithm: &'a [u8], blob: &'a [u8], host_key: Option<&'a [u8]>, signature: Option<&'a [u8]> },
    KeyboardInteractive,
    Other,
}

impl<'a> Request<'a> {
    /// Parses what follows the method's name; `None` when it is malformed.
    pub(crate) fn parse(method: &[u8], mut body: Reader<'a>) -> Option<Self> {
        Some(match method {
            b"none" => {
                body.end()?;
                Self::None
            }
            b"password" => {
                let (change, password) = (body.bool()?, body.cstring()?);
                if change {
                    body.cstring()?;
                }
                body.end()?;
                Self::Password { password, change }
            }
            b"publickey" | b"publickey-hostbound-v00@openssh.com" => {
                let signed = body.bool()?;
                let (algorithm, blob) = (body.cstring()?, body.string()?);
                let host_key = match method {
                    b"publickey" => None,
                    _ => Some(body.string()?),
                };
                let signature = if signed { Some(body.string()?) } else { None };
                body.end()?;
                Self::Key { algorithm, blob, host_key, signature }
            }
            b"keyboard-interactive" => {
                body.cstring()?;
                body.cstring()?;
                body.end()?;
                Self::KeyboardInteractive
            }
            _ => Self::Other,
        })
    }
}

impl Server {
    /// Answers the [`crate::Event::Auth`] that was returned last. Does nothing when none waits.
    pub fn auth_reply(&mut self, accept: bool) {
        let Some(pending) = self.auth.pending.take() else { return };
        match (pending.offer, accept) {
            (Some((algorithm, blob)), true) => {
                let mut payload = message(msg::USERAUTH_60);
                payload.put_string(&algorithm);
                payload.put_string(&blob);
                self.send(&payload);
            }
            (None, true) => self.succeed(),
            (_, false) => self.fail(pending.none),
        }
    }

    pub(super) fn on_auth(&mut self, kind: u8, mut body: Reader<'_>, seq: u32) -> Option<()> {
        match kind {
            msg::SERVICE_REQUEST => {
                let service = body.cstring()?;
                body.end()?;
                self.auth.requested = true;
                if service != b"ssh-userauth" {
                    self.odd("bad_service", service);
                    self.disconnect(&format!("bad service request {}", text(service)));
                    return Some(());
                }
                let mut payload = message(msg::SERVICE_ACCEPT);
                payload.put_string(service);
                self.send(&payload);
                Some(())
            }
            msg::USERAUTH_REQUEST if self.auth.requested => self.on_request(body),
            msg::USERAUTH_INFO_RESPONSE if self.auth.prompted => self.on_response(body),
            _ => self.unimplemented(kind, seq),
        }
    }

    fn on_request(&mut self, mut body: Reader<'_>) -> Option<()> {
        let (user, service, method) = (body.cstring()?, body.cstring()?, body.cstring()?);
        self.auth.attempts += 1;
        self.auth.prompted = false;
        match &self.auth.who {
            None => self.auth.who = Some((user.to_vec(), service.to_vec())),
            Some((first, same)) if (&first[..], &same[..]) != (user, service) => {
                let told = format!(
                    "Change of username or service not allowed: ({},{}) -> ({},{})",
                    text(first),
                    text(same),
                    text(user),
                    text(service)
                );
                self.odd("changed_user", user);
                self.disconnect(&told);
                return Some(());
            }
            Some(_) => {}
        }
        let attempt = |credential| AuthAttempt { user: user.to_vec(), credential };
        let offered = method.strip_suffix(b"-hostbound-v00@openssh.com").unwrap_or(method);
        let enabled = method == b"none" || self.config.auth_methods.iter().any(|m| m.as_bytes() == offered);
        // OpenSSH hands a method that is not enabled no request to parse.
        let request = if enabled { Request::parse(method, body)? } else { Request::Other };
        let plain = || Pending { offer: None, none: false };
        match request {
            Request::None => {
                self.attempt(Pending { offer: None, none: true }, attempt(Credential::None));
            }
            Request::Password { change: true, .. } => self.fail(false),
            Request::Password { password, .. } => {
                self.attempt(plain(), attempt(Credential::Password(password.to_vec())));
            }
            Request::KeyboardInteractive => {
                self.auth.prompted = true;
                let mut payload = message(msg::USERAUTH_60);
                payload.put_string(b"");
                payload.put_string(b"");
                payload.put_string(b"");
                payload.put_u32(1);
                payload.put_string(b"Password: ");
                payload.put_bool(false);
                self.send(&payload);
            }
            Request::Key { algorithm, blob, host_key, signature } => {
                let fingerprint = fingerprint(blob);
                let key = UserKey::parse(blob).filter(|key| key.accepts(algorithm));
                let algorithm = algorithm.to_vec();
                match (key, signature) {
                    (Some(_), None) => {
                        let offer = Some((algorithm.clone(), blob.to_vec()));
                        let credential = Credential::KeyOffered { algorithm, fingerprint };
                        self.attempt(Pending { offer, none: false }, attempt(credential));
                    }
                    (Some(key), Some(signature)) => {
                        let signed = self.signed_data(user, service, method, &algorithm, blob, host_key)?;
                        if key.verify(&algorithm, &signed, signature) && self.is_bound(host_key) {
                            let credential = Credential::KeyProved { algorithm, fingerprint };
                            self.attempt(plain(), attempt(credential));
                        } else {
                            self.odd("bad_signature", fingerprint.as_bytes());
                            self.fail(false);
                        }
                    }
                    (None, _) => {
                        self.odd("unusable_key", fingerprint.as_bytes());
                        self.fail(false);
                    }
                }
            }
            Request::Other => {
                self.odd("auth_method", method);
                self.fail(false);
            }
        }
        Some(())
    }

    /// Whether the host key that a client bound its signature to is one of ours.
    fn is_bound(&self, host_key: Option<&[u8]>) -> bool {
        host_key.is_none_or(|bound| self.config.keys.public_blobs().iter().any(|ours| ours == bound))
    }

    /// RFC 4252 section 7, with the host key that OpenSSH's extension appends.
    fn signed_data(
        &self,
        user: &[u8],
        service: &[u8],
        method: &[u8],
        algorithm: &[u8],
        blob: &[u8],
        host_key: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        let mut data = Vec::new();
        data.put_string(self.kex.session.as_deref()?);
        data.put_u8(msg::USERAUTH_REQUEST);
        data.put_string(user);
        data.put_string(service);
        data.put_string(method);
        data.put_bool(true);
        data.put_string(algorithm);
        data.put_string(blob);
        if let Some(host_key) = host_key {
            data.put_string(host_key);
        }
        Some(data)
    }

    fn on_response(&mut self, mut body: Reader<'_>) -> Option<()> {
        let answers = body.u32()?;
        self.auth.prompted = false;
        if answers != 1 {
            self.fail(false);
            return Some(());
        }
        let answer = body.string()?.to_vec();
        body.end()?;
        let user = self.auth.who.as_ref().map(|(user, _)| user.clone())?;
        let credential = Credential::KeyboardInteractive(answer);
        self.attempt(Pending { offer: None, none: false }, AuthAttempt { user, credential });
        Some(())
    }

    fn succeed(&mut self) {
        // OpenSSH authenticates for `ssh-connection` alone: users of another service never become valid.
        if self.auth.who.as_ref().is_none_or(|(_, service)| service != b"ssh-connection") {
            return self.fail(false);
        }
        self.send(&message(msg::USERAUTH_SUCCESS));
        self.auth.done = true;
        let [inward, outward] = self.auth.compression;
        if inward {
            self.opener.compress();
        }
        if outward {
            self.sealer.compress();
        }
        self.announce_host_keys();
    }

    fn fail(&mut self, none: bool) {
        // The first request may be `none` at no cost: clients ask for the list so.
        if !(none && self.auth.attempts == 1) {
            self.auth.failures += 1;
        }
        if self.auth.failures >= self.config.max_auth_tries {
            self.disconnect("Too many authentication failures");
            return;
        }
        let mut payload = message(msg::USERAUTH_FAILURE);
        payload.put_string(self.config.auth_methods.join(",").as_bytes());
        payload.put_bool(false);
        self.send(&payload);
    }
}

/// Attacker bytes in a message of ours, as OpenSSH prints them: as they are, cut at a reasonable length.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..256).unwrap_or(bytes)).into_owned()
}
