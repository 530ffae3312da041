// Sends the messages of a plan, JSON on standard input, with com.segment.analytics.java:analytics.

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.ToNumberPolicy;
import com.google.gson.GsonBuilder;
import com.segment.analytics.Analytics;
import com.segment.analytics.Callback;
import com.segment.analytics.messages.*;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

public class Send {
  static class Entry {
    String call, userId, anonymousId, previousId, groupId, name, timestamp;
    Map<String, Object> details;
  }

  static class Plan {
    String url, writeKey;
    List<Entry> messages;
  }

  static MessageBuilder<?, ?> builderOf(Entry entry) {
    switch (entry.call) {
      case "track":
        return TrackMessage.builder(entry.name).properties(entry.details);
      case "identify":
        return IdentifyMessage.builder().traits(entry.details);
      case "page":
        return PageMessage.builder(entry.name).properties(entry.details);
      case "screen":
        return ScreenMessage.builder(entry.name).properties(entry.details);
      case "group":
        return GroupMessage.builder(entry.groupId).traits(entry.details);
      default:
        return AliasMessage.builder(entry.previousId);
    }
  }

  public static void main(String[] args) throws Exception {
    Gson gson =
        new GsonBuilder().setObjectToNumberStrategy(ToNumberPolicy.LAZILY_PARSED_NUMBER).create();
    Plan plan =
        gson.fromJson(new InputStreamReader(System.in, StandardCharsets.UTF_8), Plan.class);
    CountDownLatch left = new CountDownLatch(plan.messages.size());
    AtomicInteger failures = new AtomicInteger();
    Analytics analytics =
        Analytics.builder(plan.writeKey)
            .endpoint(plan.url)
            .flushQueueSize(5)
            .flushInterval(1000, TimeUnit.MILLISECONDS)
            .retries(10)
            // It waits for 15 s and more before it sends a batch again: the others go on meanwhile.
            .networkExecutor(Executors.newCachedThreadPool())
            .callback(
                new Callback() {
                  public void success(Message message) {
                    left.countDown();
                  }

                  public void failure(Message message, Throwable error) {
                    failures.incrementAndGet();
                    System.err.println(error);
                    left.countDown();
                  }
                })
            .build();
    for (Entry entry : plan.messages) {
      MessageBuilder<?, ?> builder = builderOf(entry);
      if (entry.userId != null) builder.userId(entry.userId);
      if (entry.anonymousId != null) builder.anonymousId(entry.anonymousId);
      if (entry.timestamp != null) builder.timestamp(Date.from(Instant.parse(entry.timestamp)));
      analytics.enqueue(builder);
    }
    analytics.flush();
    boolean isDone = left.await(120, TimeUnit.SECONDS);
    analytics.shutdown();
    System.exit(isDone && failures.get() == 0 ? 0 : 1);
  }
}
