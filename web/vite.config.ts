import tailwind from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [react(), tailwind()],
  // `npm run dev` shows a node that runs elsewhere; the built dashboard is served by the node itself.
  server: { proxy: { '/api': process.env.PHANTOMNET_API ?? 'http://127.0.0.1:8000' } },
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
