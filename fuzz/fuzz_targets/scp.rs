#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phantom_fuzz::run("scp", bytes));
