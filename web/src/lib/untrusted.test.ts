import { describe, expect, it } from 'vitest'
import { escapeBytes, escapeText, shorten } from './untrusted'

describe('escapeBytes', () => {
  it('shows what the node shows', () => {
    expect(escapeBytes('a\x1b[2J\uf7ff\\ \u202e\u009b\r\n')).toBe('a\\x1b[2J\\xff\\\\ \\u{202e}\\u{9b}\\r\\n')
  })

  it('shows raw bytes as such', () => {
    expect(escapeBytes('\uf780\uf7c3')).toBe('\\x80\\xc3')
  })

  it('escapes private use, tags and lone surrogates', () => {
    expect(escapeBytes('\ue000\u{e0041}\ud800x')).toBe('\\u{e000}\\u{e0041}\\u{d800}x')
  })

  it('leaves readable text of any script alone', () => {
    expect(escapeBytes('пароль 密码 🙂 <b>&amp;')).toBe('пароль 密码 🙂 <b>&amp;')
  })

  it('leaves no control, bidirectional or private character of the first two planes', () => {
    for (let code = 0; code < 0x20000; code += 1) {
      const shown = escapeBytes(String.fromCodePoint(code))
      expect(/[\p{Cc}\p{Co}\p{Cs}\p{Bidi_Control}]/u.test(shown), code.toString(16)).toBe(false)
    }
  })
})

describe('escapeText', () => {
  it('does not double what the node has escaped', () => {
    expect(escapeText('sent \\x1b[2J\u202e')).toBe('sent \\x1b[2J\\u{202e}')
  })
})

describe('shorten', () => {
  it('cuts between characters', () => {
    expect(shorten('🙂🙂🙂', 2)).toBe('🙂…')
    expect(shorten('abc', 3)).toBe('abc')
  })
})
