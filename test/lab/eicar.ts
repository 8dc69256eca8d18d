import { createHash } from 'node:crypto';

/** The harmless file that every antivirus finds (https://www.eicar.org). In two parts, so that this file is not itself found. */
export const EICAR = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$' + 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*';

/** A signature database that knows it and nothing else: https://docs.clamav.net/manual/Signatures/HashSignatures.html */
export function eicarDatabase(): Record<string, string> {
  const sum = (algorithm: string): string => createHash(algorithm).update(EICAR, 'latin1').digest('hex');
  const size = String(EICAR.length);
  return {
    'lab.hdb': `${sum('md5')}:${size}:Lab.Eicar.Hash\n`,
    'lab.hsb': `${sum('sha256')}:${size}:Lab.Eicar.Sha256\n`,
    'lab.ndb': `Lab.Eicar.Body:0:*:${Buffer.from(EICAR, 'latin1').toString('hex')}\n`,
  };
}
