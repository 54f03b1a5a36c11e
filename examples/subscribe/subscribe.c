/*
 * Read events as a subscriber, with the C client of NATS (Debian: libnats-dev).
 *
 *     npm run subscribers -- add alarms --types failed
 *     cc -o subscribe examples/subscribe/subscribe.c -lnats
 *     ./subscribe nats://127.0.0.1:... alarms PUBLIC_KEY .../alarms.nk COUNT
 *
 * `add` prints the public key. It takes COUNT events, prints the sequence, the subject and the task id of each, and
 * acknowledges it. When it is run again, it goes on with the next event.
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

static natsStatus connect_as(natsConnection **connection, const char *url,
                             const char *public_key, const char *seed_file)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK)
        status = natsOptions_SetURL(options, url);
    if (status == NATS_OK)
        status = natsOptions_SetNKeyFromSeed(options, public_key, seed_file);
    if (status == NATS_OK)
        status = natsConnection_Connect(connection, options);
    natsOptions_Destroy(options);
    return status;
}

int main(int argc, char **argv)
{
    natsConnection *connection = NULL;
    natsSubscription *subscription = NULL;
    jsCtx *stream = NULL;
    jsOptions account;
    jsSubOptions options;
    natsStatus status;
    char consumer[64];

    if (argc != 6) {
        fprintf(stderr, "usage: subscribe URL NAME PUBLIC_KEY SEED_FILE COUNT\n");
        return 2;
    }
    snprintf(consumer, sizeof consumer, "sub=%s", argv[2]);
    /* The subscriber's account has this much of JetStream, behind this prefix. */
    jsOptions_Init(&account);
    account.Prefix = "JETSCRIBE.API";
    jsSubOptions_Init(&options);
    options.Stream = "EVENTS";
    options.Consumer = consumer;
    status = connect_as(&connection, argv[1], argv[3], argv[4]);
    if (status == NATS_OK)
        status = natsConnection_JetStream(&stream, connection, &account);
    if (status == NATS_OK)
        status = js_PullSubscribe(&subscription, stream, NULL, NULL, NULL,
                                  &options, NULL);
    if (status == NATS_OK)
        status = take_all(subscription, atol(argv[5]));
    if (status != NATS_OK)
        fprintf(stderr, "%s\n", natsStatus_GetText(status));
    natsSubscription_Destroy(subscription);
    jsCtx_Destroy(stream);
    natsConnection_Destroy(connection);
    nats_Close();
    return status == NATS_OK ? 0 : 1;
}
