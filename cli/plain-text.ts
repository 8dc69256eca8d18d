export { plain, plainJson } from '../contracts/plain-text';
