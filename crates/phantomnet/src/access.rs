//! Users and tokens by command line, and the first user.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use phantom_api::{hash_password, new_token};
use phantom_store::{NewToken, Role, Store, User};

use crate::cli;
use crate::core::now;

/// Makes the user `admin` where there is no user yet, and returns the password to be told once.
pub(crate) fn first_user(store: &Store) -> Result<Option<String>> {
    if !store.users()?.is_empty() {
        return Ok(None);
    }
    let (token, _) = new_token()?;
    let random = token.rsplit('_').next().unwrap_or(&token);
    let password: String = random.chars().take(24).collect();
    store.add_user(&user("admin", Role::Admin, &password)?)?;
    Ok(Some(password))
}

/// `phantomnet user`.
pub(crate) fn users(what: &cli::User, store: &Store) -> Result<()> {
    match what {
        cli::User::Add { name, role, .. } => {
            store.add_user(&user(name, parse_role(role)?, &read_password()?)?)?
        }
        cli::User::List { .. } => {
            let mut out = std::io::stdout().lock();
            for user in store.users()? {
                writeln!(out, "{}\t{}", user.name, user.role.as_str())?;
            }
        }
        cli::User::Remove { name, .. } => found(store.remove_user(name)?, name)?,
        cli::User::Passwd { name, .. } => {
            found(store.set_password(name, &hash_password(&read_password()?)?)?, name)?
        }
    }
    Ok(())
}

/// `phantomnet token`.
pub(crate) fn tokens(what: &cli::Token, store: &Store) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match what {
        cli::Token::Create { role, name, .. } => {
            let (token, hash) = new_token()?;
            let role = parse_role(role)?;
            store.add_token(&NewToken {
                name: name.clone(),
                hash,
                role,
                user: None,
                created: now(),
                expires: None,
                browser: false,
            })?;
            writeln!(out, "{token}")?;
        }
        cli::Token::List { .. } => {
            for token in store.tokens(now())? {
                writeln!(out, "{}\t{}\t{}", token.id, token.name, token.role.as_str())?;
            }
        }
        cli::Token::Revoke { id, .. } => found(store.revoke_token(*id)?, &format!("token {id}"))?,
    }
    Ok(())
}

fn user(name: &str, role: Role, password: &str) -> Result<User> {
    if name.is_empty()
        || name.len() > 64
        || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._@-".contains(c))
    {
        bail!("a user's name has 1 to 64 letters, digits and ._@-");
    }
    Ok(User { name: name.to_owned(), role, hash: hash_password(password)?, created: now() })
}

fn parse_role(role: &str) -> Result<Role> {
    Role::parse(role)
        .with_context(|| format!("there is no role {role:?}; there are viewer, analyst and admin"))
}

fn found(there: bool, name: &str) -> Result<()> {
    if there { Ok(()) } else { bail!("there is no {name}") }
}

/// One line of standard input; at a terminal, asked for.
fn read_password() -> Result<String> {
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        write!(std::io::stderr(), "password: ")?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password is empty");
    }
    Ok(password.to_owned())
}
