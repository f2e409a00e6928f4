"""Phrases in prompts that ask for what distillers harvest: reasoning, grades, whole trajectories. They are generic, in ten languages.

They are matched in lower case (ASCII), with digits as 0 and white space as one blank; each has at least six bytes in UTF-8. Ordinary people
use them too: a phrase in one prompt is weak evidence, and only the share over many prompts is used.
"""

from __future__ import annotations

from typing import Final

REASONING: Final = (
    "step by step", "step-by-step", "chain of thought", "chain-of-thought", "show your reasoning", "show your work",
    "explain your reasoning", "reason through", "think carefully", "think it through", "think out loud", "let's think",
    "your thought process", "your thinking process", "reasoning process", "reasoning trace", "full reasoning", "detailed reasoning",
    "intermediate steps", "derive the answer", "before answering", "before you answer", "<think>", "<thinking>", "<reasoning>",
    "一步一步", "逐步推理", "逐步思考", "逐步分析", "推理过程", "思考过程", "思维链", "详细推理", "分步骤", "推理步驟", "思考過程",
    "paso a paso", "razonamiento", "explica tu proceso", "muestra tu trabajo",
    "schritt für schritt", "gedankengang", "denkprozess", "zeige deine überlegung", "begründe deine",
    "étape par étape", "pas à pas", "raisonnement", "montre ton travail", "montrez votre travail",
    "шаг за шагом", "пошагово", "ход рассуждений", "ход мыслей", "цепочка рассуждений", "рассуждай",
    "ステップバイステップ", "段階的に", "思考の過程", "考え方を示", "推論の過程", "順を追って",
    "passo a passo", "raciocínio", "mostre seu trabalho", "processo de pensamento",
    "단계별로", "추론 과정", "사고 과정", "passo dopo passo", "ragionamento",
)  # fmt: skip
"""Phrases that ask for the steps to the answer, not only for the answer."""

GRADING: Final = (
    "rate the following", "rate from 0", "rate it from 0", "on a scale of", "on a scale from", "scale of 0", "from 0 to 0",
    "score from 0", "score between 0", "assign a score", "give a score", "numeric score", "json score", '"score":', "score: 0",
    "grading rubric", "scoring rubric", "the rubric", "rubric:", "act as a judge", "impartial judge", "as a grader", "you are a grader",
    "which answer is better", "which response is better", "which is better", "which one is better", "better response",
    "preferred response", "chosen and rejected", "response a", "assistant a's", "compare the two", "compare the responses",
    "evaluate the response", "evaluate the answer", "evaluate the quality", "quality of the response", "pairwise comparison",
    "reward model", "answer is correct", "verify whether", "verdict:",
    "评分标准", "打分", "请评分", "评价以下", "哪个更好", "哪个回答更好", "给出分数", "評分", "满分",
    "califica del", "puntúa", "puntuación", "cuál respuesta es mejor", "en una escala", "evalúa la respuesta",
    "bewerte die", "bewerte diese", "auf einer skala", "welche antwort ist besser", "bewertungsskala",
    "note de 0", "évalue la réponse", "évaluez", "sur une échelle", "quelle réponse est", "grille d'évaluation",
    "оцени ответ", "оцените", "по шкале", "какой ответ лучше", "критерии оценки", "поставь оценку",
    "採点", "評価基準", "どちらの回答", "点数を", "段階で評価",
    "avalie de", "avalie a resposta", "em uma escala", "numa escala", "qual resposta é melhor", "pontuação",
    "채점", "평가하세요", "어느 답변이", "valuta la risposta", "su una scala",
)  # fmt: skip
"""Asks the model to judge answers: the signal of a reward model's teacher."""

TRAJECTORY: Final = (
    "tool call trajectory", "tool-call trajectory", "tool calls", "tool_calls", "tool_call", "function_call", "function call",
    "<tool_call", "agent trajectory", "full trajectory", "the trajectory", "trajectories", "action: ", "observation: ",
    "thought: ", "next action", "list of actions", "sequence of actions", "simulate the tool", "simulate the user",
    "available tools", "you have access to the following tools", "multi-turn dialogue", "multi-turn conversation", "react format",
    "工具调用", "调用工具", "轨迹", "行动序列", "下一步行动", "函数调用", "多轮对话",
    "llamada a herramienta", "llamadas a herramientas", "trayectoria", "próxima acción",
    "werkzeugaufruf", "tool-aufruf", "trajektorie", "nächste aktion",
    "appel d'outil", "appels d'outils", "trajectoire", "prochaine action",
    "вызов инструмента", "вызовы инструментов", "траектори", "следующее действие",
    "ツール呼び出し", "軌跡", "次の行動", "関数呼び出し",
    "chamada de ferramenta", "chamadas de ferramenta", "trajetória", "próxima ação",
    "도구 호출", "궤적을", "함수 호출", "chiamata di strumento", "traiettoria",
)  # fmt: skip
"""Asks for whole runs of an agent: what it would call, and what it does next."""
