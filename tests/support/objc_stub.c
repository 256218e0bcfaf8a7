/* Stands in for the Objective-C runtime: what it is asked is written down, and what it gives needs all 64 bits. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TOKEN 0x123456789abcdef0ULL
#define POOL 0x7fedcba987654321ULL

static char told[8192];
static int age = 14;

static void tell(const char *what, const char *text, uint64_t number) {
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s %s %llx\n", what, text, (unsigned long long)number);
}

void stub_age(int now) { age = now; }
const char *stub_told(void) { return told; }

void *objc_autoreleasePoolPush(void) { return (void *)POOL; }
void objc_autoreleasePoolPop(void *pool) { tell("pop", "", (uint64_t)pool); }
void *objc_getClass(const char *name) { return strdup(name); }
void *sel_registerName(const char *name) { return strdup(name); }
void *objc_retain(void *object) { tell("retain", "", (uint64_t)object); return object; }
void objc_release(void *object) { tell("release", "", (uint64_t)object); }

void *objc_msgSend(void *self, const char *selector, uint64_t first, void *second) {
    if (!strcmp(selector, "processInfo")) return strdup("info");
    if (!strcmp(selector, "stringWithUTF8String:")) return strdup((const char *)first);
    if (!strcmp(selector, "beginActivityWithOptions:reason:")) {
        tell("begin", (const char *)second, first);
        return strcmp((const char *)second, "refused") ? (void *)TOKEN : 0;
    }
    if (!strcmp(selector, "endActivity:")) tell("end", (const char *)self, first);
    if (!strcmp(selector, "sharedApplication")) return age ? strdup("app") : 0;
    if (!strcmp(selector, "setActivationPolicy:")) { tell("policy", (const char *)self, first); return (void *)1; }
    if (!strcmp(selector, "respondsToSelector:"))
        return (void *)(uint64_t)(strcmp((const char *)first, "activate") ? age < 20 : age >= 14);
    if (!strcmp(selector, "activate")) tell("activate", (const char *)self, 0);
    if (!strcmp(selector, "activateIgnoringOtherApps:")) tell("ignoring", (const char *)self, first & 0xff);
    if (!strcmp(selector, "window")) return strcmp((const char *)self, "lone") ? strdup("frame") : 0;
    if (!strcmp(selector, "orderFrontRegardless")) tell("order", (const char *)self, 0);
    return 0;
}
