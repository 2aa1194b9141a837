/** Names of the MITRE ATT&CK techniques that detectors cite; an id without a name here is shown alone. */
const NAMES: Record<string, string> = {
  T1018: 'Remote System Discovery',
  T1021: 'Remote Services',
  'T1021.004': 'SSH',
  T1040: 'Network Sniffing',
  T1046: 'Network Service Discovery',
  T1059: 'Command and Scripting Interpreter',
  'T1059.004': 'Unix Shell',
  T1071: 'Application Layer Protocol',
  'T1071.001': 'Web Protocols',
  'T1071.004': 'DNS',
  T1078: 'Valid Accounts',
  T1105: 'Ingress Tool Transfer',
  T1110: 'Brute Force',
  'T1110.001': 'Password Guessing',
  'T1110.003': 'Password Spraying',
  'T1110.004': 'Credential Stuffing',
  T1190: 'Exploit Public-Facing Application',
  T1498: 'Network Denial of Service',
  'T1498.001': 'Direct Network Flood',
  'T1498.002': 'Reflection Amplification',
  T1499: 'Endpoint Denial of Service',
  'T1499.001': 'OS Exhaustion Flood',
  'T1499.002': 'Service Exhaustion Flood',
  'T1557.002': 'ARP Cache Poisoning',
  T1595: 'Active Scanning',
  'T1595.001': 'Scanning IP Blocks',
  'T1595.002': 'Vulnerability Scanning',
  'T1595.003': 'Wordlist Scanning',
}

export function technique(id: string): string | undefined {
  return NAMES[id]
}
