/*
 * Read events with a durable consumer, with the C client of NATS (Debian: libnats-dev).
 *
 *     cc -o subscribe examples/subscribe/subscribe.c -lnats
 *     ./subscribe nats://127.0.0.1:... NAME 'llm.events.failed.>' COUNT
 *
 * It takes COUNT events, prints the sequence, the subject and the task id of each, and acknowledges it. When it is run
 * again under the same NAME, it goes on with the next event.
 */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>

/* The time that one pull may wait, in ms. */
static const int64_t pull_ms = 1000;

static natsStatus take(natsMsg *message)
{
    jsMsgMetaData *place = NULL;
    const char *task_id = NULL;
    natsStatus status = natsMsg_GetMetaData(&place, message);
    if (status == NATS_OK) {
        /* Unacknowledged, what is no event would come again at each start. */
        if (natsMsgHeader_Get(message, "ce-subject", &task_id) != NATS_OK)
            task_id = "?";
        printf("%llu %s %s\n", (unsigned long long)place->Sequence.Stream,
               natsMsg_GetSubject(message), task_id);
        fflush(stdout);
        /* Acknowledged once it is handled: after a crash it comes again. */
        status = natsMsg_AckSync(message, NULL, NULL);
    }
    jsMsgMetaData_Destroy(place);
    return status;
}

static natsStatus take_all(natsSubscription *subscription, long count)
{
    natsStatus status = NATS_OK;
    while (count > 0 && (status == NATS_OK || status == NATS_TIMEOUT)) {
        natsMsgList list = {0};
        status = natsSubscription_Fetch(&list, subscription, 1, pull_ms, NULL);
        for (int i = 0; i < list.Count && status == NATS_OK; i++, count--)
            status = take(list.Msgs[i]);
        natsMsgList_Destroy(&list);
    }
    return status;
}

int main(int argc, char **argv)
{
    natsConnection *connection = NULL;
    natsSubscription *subscription = NULL;
    jsCtx *stream = NULL;
    jsSubOptions options;
    natsStatus status;

    if (argc != 5) {
        fprintf(stderr, "usage: subscribe URL NAME SUBJECT COUNT\n");
        return 2;
    }
    jsSubOptions_Init(&options);
    options.Stream = "EVENTS";
    status = natsConnection_ConnectTo(&connection, argv[1]);
    if (status == NATS_OK)
        status = natsConnection_JetStream(&stream, connection, NULL);
    if (status == NATS_OK)
        status = js_PullSubscribe(&subscription, stream, argv[3], argv[2],
                                  NULL, &options, NULL);
    if (status == NATS_OK)
        status = take_all(subscription, atol(argv[4]));
    if (status != NATS_OK)
        fprintf(stderr, "%s\n", natsStatus_GetText(status));
    natsSubscription_Destroy(subscription);
    jsCtx_Destroy(stream);
    natsConnection_Destroy(connection);
    nats_Close();
    return status == NATS_OK ? 0 : 1;
}
