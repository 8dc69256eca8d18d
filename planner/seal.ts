import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import net from 'node:net';
import { CordonError } from '../contracts/errors';

const GLOBALS = ['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'] as const;

/**
 * Shuts the ways out of this thread, for good: connections, datagrams, child processes. A playbook has no business with them, on
 * Temporal they do not exist; here they are refused with an error that says so.
 */
export function seal(): void {
  const refuse = (): never => {
    throw new CordonError('rejected', 'a plan run reaches nothing outside: no connection, no process');
  };
  net.Socket.prototype.connect = refuse;
  net.Server.prototype.listen = refuse;
  dgram.createSocket = refuse;
  dgram.Socket.prototype.bind = refuse;
  dgram.Socket.prototype.send = refuse;
  for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'] as const)
    Object.assign(childProcess, { [name]: refuse });
  for (const name of GLOBALS)
    Object.defineProperty(globalThis, name, { value: refuse, writable: false, configurable: false });
}
