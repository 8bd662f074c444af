// SPDX-License-Identifier: GPL-3.0-or-later
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static bool before(const struct loop_node *a, const struct loop_node *b)
{
    return a->next_at != b->next_at ? a->next_at < b->next_at : a->order < b->order;
}

static void put(struct loop *l, size_t place, struct loop_node *node)
{
    l->heap[place] = node;
    node->place = place;
}

static void rise(struct loop *l, size_t place)
{
    struct loop_node *node = l->heap[place];

    while (place && before(node, l->heap[(place - 1) / 2])) {
        put(l, place, l->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(l, place, node);
}

static void sink(struct loop *l, size_t place)
{
    struct loop_node *node = l->heap[place];
    size_t child;

    while ((child = 2 * place + 1) < l->count) {
        if (child + 1 < l->count && before(l->heap[child + 1], l->heap[child]))
            child++;
        if (!before(l->heap[child], node))
            break;
        put(l, place, l->heap[child]);
        place = child;
    }
    put(l, place, node);
}

int loop_add(struct loop *l, struct loop_node *node)
{
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct loop_node **heap = realloc(l->heap, room * sizeof *heap);

        if (!heap)
            return -ENOMEM;
        l->heap = heap;
        l->room = room;
    }
    node->order = l->added++;
    put(l, l->count++, node);
    rise(l, node->place);
    return 0;
}

void loop_move(struct loop *l, struct loop_node *node, int64_t next_at)
{
    node->next_at = next_at > l->now ? next_at : l->now;
    rise(l, node->place);
    sink(l, node->place);
}

void loop_run(struct loop *l, int64_t end)
{
    while (l->count && l->heap[0]->next_at < end) {
        struct loop_node *node = l->heap[0];
        int64_t next;

        l->now = node->next_at;
        next = node->run(node->self, l->now);
        assert(next > l->now);
        node->next_at = next;
        sink(l, node->place); /* what ran may have moved others, never itself */
    }
    l->now = end;
}

void loop_free(struct loop *l)
{
    free(l->heap);
    *l = (struct loop){0};
}
