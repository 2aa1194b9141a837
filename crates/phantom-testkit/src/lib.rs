//! For tests: scripted attackers, packet and capture builders.

pub mod netns;

pub mod packet;
