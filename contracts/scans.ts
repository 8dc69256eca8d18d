/** The scans that a release may wait for, by the words of a playbook. Each one's output says whether it found all clean. */
export const SCANS = { antivirus: 'endpoint.scan_av', vulnerability: 'vuln.scan' } as const;
export type ScanKind = keyof typeof SCANS;
export const SCAN_KINDS = ['antivirus', 'vulnerability'] as const satisfies readonly ScanKind[];
