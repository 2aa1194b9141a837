import { QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { makeClient } from './api/queries'
import { App } from './app'
import './style.css'

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={makeClient()}>
      <App />
    </QueryClientProvider>,
  )
}
