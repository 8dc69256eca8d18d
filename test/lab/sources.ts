/** Secrets with which the lab's alert sources prove themselves. */
export const LAB_WAZUH = 'lab-wazuh-bearer-secret';
export const LAB_SIEM = `whsec_${Buffer.from('the secret of the lab’s SIEM').toString('base64')}`;
export const SOURCE_ENV = { LAB_WAZUH_SECRET: LAB_WAZUH, LAB_SIEM_SECRET: LAB_SIEM };

/** The sources as the configuration of the lab has them. */
export const SOURCES = [
  { id: 'wazuh', use: 'wazuh', secrets: [{ $env: 'LAB_WAZUH_SECRET' }] },
  { id: 'siem', use: 'generic', secrets: [{ $env: 'LAB_SIEM_SECRET' }] },
];
