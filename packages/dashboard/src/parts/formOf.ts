/** What stands in the form that is sent. */
export const formOf = (event: SubmitEvent): FormData =>
  new FormData(event.currentTarget as HTMLFormElement);
