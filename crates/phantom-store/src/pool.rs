//! A few connections shared by many threads.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::Result;

/// At most `cap` connections; who comes when all are out waits for one.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    state: Mutex<State<T>>,
    returned: Condvar,
    cap: usize,
}

#[derive(Debug)]
struct State<T> {
    idle: Vec<T>,
    out: usize,
}

impl<T> Pool<T> {
    pub(crate) fn new(cap: usize) -> Self {
        Self { state: Mutex::new(State { idle: Vec::new(), out: 0 }), returned: Condvar::new(), cap }
    }

    /// A connection that was idle, or one made with `make`.
    pub(crate) fn get(&self, make: impl FnOnce() -> Result<T>) -> Result<Lent<'_, T>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.out >= self.cap {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.out += 1;
        let idle = state.idle.pop();
        drop(state);
        // From here on the guard gives the place back, also when `make` fails.
        let mut lent = Lent { pool: self, conn: idle };
        if lent.conn.is_none() {
            lent.conn = Some(make()?);
        }
        Ok(lent)
    }

    pub(crate) fn drain(&self) -> Vec<T> {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).idle)
    }
}

/// A connection that returns to its pool when dropped.
#[derive(Debug)]
pub(crate) struct Lent<'a, T> {
    pool: &'a Pool<T>,
    conn: Option<T>,
}

impl<T> Lent<'_, T> {
    /// Keeps the connection out of the pool; its place is free for a new one.
    pub(crate) fn discard(mut self) {
        self.conn = None;
    }
}

impl<T> Deref for Lent<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.conn.as_ref().unwrap_or_else(|| unreachable!("a lent connection is there until dropped"))
    }
}

impl<T> DerefMut for Lent<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.conn.as_mut().unwrap_or_else(|| unreachable!("a lent connection is there until dropped"))
    }
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.out -= 1;
        state.idle.extend(self.conn.take());
        drop(state);
        self.pool.returned.notify_one();
    }
}
