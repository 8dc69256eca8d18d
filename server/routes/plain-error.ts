import type { NextFunction, Request, Response } from 'express';
import { asProblem } from '../problem';
import { html, page, type Html } from './html';

/** What is wrong with a link or a form, as a page for the person who came by it; `more` stands below. */
export const plainError =
  (more: Html) =>
  (error: unknown, _request: Request, response: Response, next: NextFunction): void => {
    const problem = asProblem(error);
    if (problem.status >= 500) {
      next(error);
      return;
    }
    response
      .status(problem.status)
      .type('html')
      .send(
        page(
          problem.title,
          html`<h1>${problem.title}</h1>
            <p>${problem.detail}</p>
            ${more}`,
        ),
      );
  };
