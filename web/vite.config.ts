import tailwind from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// The node refuses a login whose Origin is not its Host, so the proxy must leave Host as it is.
const proxy = { '/api': { target: process.env.PHANTOMNET_API ?? 'http://127.0.0.1:8000', changeOrigin: false } }

export default defineConfig({
  plugins: [react(), tailwind()],
  // `npm run dev` shows a node that runs elsewhere; the built dashboard is served by the node itself.
  server: { proxy },
  // The node's own policy, so that `vite preview` refuses what the node would refuse.
  preview: {
    proxy,
    headers: {
      'content-security-policy': "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    },
  },
  build: {
    // The node's content policy allows its own files only, so nothing may become a data: address.
    assetsInlineLimit: 0,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    env: { TZ: 'UTC' },
  },
})
