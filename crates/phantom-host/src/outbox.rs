//! Evidence on its way to the journal.
//!
//! Everything runs on one thread, so that a `RefCell` and stored wakers are all the synchronisation needed.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use phantom_core::frame::{FrameError, ToCore, encode};
use phantom_sys::channel::{Channel, ChannelError};

/// The queue of unacknowledged evidence.
pub(crate) struct Outbox(RefCell<State>);

struct State {
    process: u64,
    /// Of the last frame queued; they count from 1.
    last: u64,
    /// Everything up to here is in the journal.
    acknowledged: u64,
    /// Encoded frames from `acknowledged + 1` to `last`.
    queue: VecDeque<Vec<u8>>,
    /// How many at the front of the queue have been sent to the present core.
    sent: usize,
    bytes: usize,
    cap: usize,
    /// Set when the queue reaches its cap, cleared when half of it is free, so that a queue at its brim does
    /// not wake every session for each acknowledgement.
    full: bool,
    hold: bool,
    hello: bool,
    /// By the frame each waits for; a session waits for one at a time and frames are of one session each.
    for_ack: BTreeMap<u64, Waker>,
    /// By token: those that wait for room.
    for_room: BTreeMap<u64, Waker>,
    sender: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(process: u64, cap: usize) -> Self {
        Self(RefCell::new(State {
            process,
            last: 0,
            acknowledged: 0,
            queue: VecDeque::new(),
            sent: 0,
            bytes: 0,
            cap,
            full: false,
            hold: false,
            hello: true,
            for_ack: BTreeMap::new(),
            for_room: BTreeMap::new(),
            sender: None,
        }))
    }

    /// Queues what `frame` makes of its sequence number, which is returned. Ask [`Outbox::room`] first.
    pub(crate) fn push(&self, frame: impl FnOnce(u64) -> ToCore) -> Result<u64, FrameError> {
        let mut state = self.0.borrow_mut();
        let seq = state.last + 1;
        let bytes = encode(&frame(seq))?;
        state.last = seq;
        state.bytes += bytes.len();
        state.full |= state.bytes >= state.cap;
        state.queue.push_back(bytes);
        wake(state.sender.take());
        Ok(seq)
    }

    /// Waits until everything up to `seq` is in the journal.
    pub(crate) async fn acknowledged(&self, seq: u64) {
        let _forget = Forget(|| {
            self.0.borrow_mut().for_ack.remove(&seq);
        });
        poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            if state.acknowledged >= seq {
                return Poll::Ready(());
            }
            state.for_ack.insert(seq, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Waits until there is room for evidence.
    pub(crate) async fn room(&self, token: u64) {
        let _forget = Forget(|| self.forget(token));
        poll_fn(|cx| self.poll_room(token, cx)).await;
    }

    /// As [`Outbox::room`], to be polled beside other things; [`Outbox::forget`] when no longer.
    pub(crate) fn poll_room(&self, token: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        if !state.full {
            return Poll::Ready(());
        }
        state.for_room.insert(token, cx.waker().clone());
        Poll::Pending
    }

    /// As [`Outbox::poll_room`], but also pending while the core wants nobody accepted.
    pub(crate) fn poll_accept(&self, token: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        if !state.full && !state.hold {
            return Poll::Ready(());
        }
        state.for_room.insert(token, cx.waker().clone());
        Poll::Pending
    }

    /// A waiter for room that is gone.
    pub(crate) fn forget(&self, token: u64) {
        self.0.borrow_mut().for_room.remove(&token);
    }

    /// The core has everything of `process` up to `through`.
    pub(crate) fn acknowledge(&self, process: u64, through: u64) {
        let mut state = self.0.borrow_mut();
        if process != state.process {
            return;
        }
        let through = through.min(state.last);
        while state.acknowledged < through {
            let gone = state.queue.pop_front().map_or(0, |frame| frame.len());
            state.bytes -= gone;
            state.sent = state.sent.saturating_sub(1);
            state.acknowledged += 1;
        }
        let waiting = state.for_ack.split_off(&(through + 1));
        for (_, waker) in std::mem::replace(&mut state.for_ack, waiting) {
            waker.wake();
        }
        if state.full && state.bytes < state.cap / 2 {
            state.full = false;
            state.open();
        }
    }

    /// The core has restarted: introduce the process again, then send everything again.
    pub(crate) fn restart(&self) {
        let mut state = self.0.borrow_mut();
        state.sent = 0;
        state.hello = true;
        wake(state.sender.take());
    }

    /// Whether the core wants nobody accepted.
    pub(crate) fn hold(&self, hold: bool) {
        let mut state = self.0.borrow_mut();
        state.hold = hold;
        if !hold {
            state.open();
        }
    }

    /// Sends what is unsent as far as the channel takes it: ready when everything is sent (the waker is kept
    /// for the next frame then) with `true`, or with `false` when the channel is full.
    pub(crate) fn send(&self, channel: &Channel, waker: &Waker) -> Result<bool, ChannelError> {
        let mut state = self.0.borrow_mut();
        if state.hello {
            // A Hello is a few bytes long and always fits.
            let hello = encode(&ToCore::Hello { process: state.process }).unwrap_or_default();
            if !channel.try_send(&hello)? {
                return Ok(false);
            }
            state.hello = false;
        }
        while let Some(frame) = state.queue.get(state.sent) {
            if !channel.try_send(frame)? {
                return Ok(false);
            }
            state.sent += 1;
        }
        state.sender = Some(waker.clone());
        Ok(true)
    }

    /// Whether the process has introduced itself to the present core.
    pub(crate) fn introduced(&self) -> bool {
        !self.0.borrow().hello
    }
}

impl State {
    fn open(&mut self) {
        for (_, waker) in std::mem::take(&mut self.for_room) {
            waker.wake();
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Runs when a wait ends or is given up.
struct Forget<F: FnMut()>(F);

impl<F: FnMut()> Drop for Forget<F> {
    fn drop(&mut self) {
        self.0();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phantom_core::frame::decode;
    use std::pin::pin;

    fn frame(seq: u64) -> ToCore {
        ToCore::Event { seq, json: vec![b'x'; 100] }
    }

    fn drain(channel: &Channel) -> Vec<u64> {
        let mut buffer = vec![0; phantom_core::frame::MAX_FRAME];
        let mut seqs = Vec::new();
        while let Some(length) = channel.try_recv(&mut buffer).unwrap() {
            match decode(&buffer[..length]).unwrap() {
                ToCore::Event { seq, .. } => seqs.push(seq),
                ToCore::Hello { .. } => seqs.push(0),
                other => panic!("{other:?}"),
            }
        }
        seqs
    }

    #[test]
    fn unacknowledged_frames_are_sent_again_after_a_restart() {
        let (ours, theirs) = phantom_sys::channel::pair().unwrap();
        let outbox = Outbox::new(7, 1 << 20);
        for _ in 0..3 {
            outbox.push(frame).unwrap();
        }
        assert!(outbox.send(&ours, Waker::noop()).unwrap());
        outbox.acknowledge(7, 1);
        outbox.acknowledge(8, 3);
        outbox.push(frame).unwrap();
        assert!(outbox.send(&ours, Waker::noop()).unwrap());
        assert_eq!(drain(&theirs), [0, 1, 2, 3, 4]);
        outbox.restart();
        assert!(!outbox.introduced());
        assert!(outbox.send(&ours, Waker::noop()).unwrap());
        assert_eq!(drain(&theirs), [0, 2, 3, 4]);
        // An absurd acknowledgement takes what there is and no more.
        outbox.acknowledge(7, u64::MAX);
        assert_eq!(outbox.push(frame).unwrap(), 5);
        assert!(outbox.send(&ours, Waker::noop()).unwrap());
        assert_eq!(drain(&theirs), [5]);
    }

    #[test]
    fn a_full_queue_opens_when_half_of_it_is_free() {
        let outbox = Outbox::new(7, 400);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..4 {
            assert!(outbox.poll_room(1, &mut cx).is_ready());
            outbox.push(frame).unwrap();
        }
        assert!(outbox.poll_room(1, &mut cx).is_pending());
        outbox.acknowledge(7, 1);
        assert!(outbox.poll_room(1, &mut cx).is_pending());
        outbox.acknowledge(7, 3);
        assert!(outbox.poll_room(1, &mut cx).is_ready());
        outbox.hold(true);
        assert!(outbox.poll_room(1, &mut cx).is_ready() && outbox.poll_accept(1, &mut cx).is_pending());
        outbox.hold(false);
        assert!(outbox.poll_accept(1, &mut cx).is_ready());
    }

    #[test]
    fn a_wait_given_up_leaves_nothing_behind() {
        let outbox = Outbox::new(7, 1);
        let seq = outbox.push(frame).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut ack = pin!(outbox.acknowledged(seq));
            let mut room = pin!(outbox.room(1));
            assert!(ack.as_mut().poll(&mut cx).is_pending() && room.as_mut().poll(&mut cx).is_pending());
            assert_eq!(outbox.0.borrow().for_ack.len() + outbox.0.borrow().for_room.len(), 2);
        }
        assert_eq!(outbox.0.borrow().for_ack.len() + outbox.0.borrow().for_room.len(), 0);
    }
}
